# Third-party libraries, all from Debian 12. Each has one home in the sources (docs/architecture.md).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(toml11 REQUIRED)
find_package(doctest REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
# Debian's zmq.h needs none of the include folders that libzmq.pc lists for linking statically; their order
# changes from one configuration to the next, and everything would be compiled again.
set_target_properties(PkgConfig::ZMQ PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "" INTERFACE_COMPILE_OPTIONS "")
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(SYSTEMD IMPORTED_TARGET libsystemd)
find_program(FLATC flatc REQUIRED)

# hiredis 0.14 comes with variables only.
find_path(HIREDIS_INCLUDE_DIR hiredis/hiredis.h REQUIRED)
find_library(HIREDIS_LIBRARY hiredis REQUIRED)
add_library(flow_hiredis INTERFACE)
target_include_directories(flow_hiredis SYSTEM INTERFACE ${HIREDIS_INCLUDE_DIR})
target_link_libraries(flow_hiredis INTERFACE ${HIREDIS_LIBRARY})
