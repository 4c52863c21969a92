# How targets are made here. Folder = namespace = target.

# Third-party libraries that are headers alone. A library of ours that uses one privately needs it
# to be built, not to be linked, so the installed package does not ask for it.
set(FLOW_HEADER_ONLY nlohmann_json::nlohmann_json CLI11::CLI11 toml11::toml11 flow_schemas)

# flow_library(NAME SOURCES... DEPENDS targets... PRIVATE_DEPENDS targets...)
# A static library flow_NAME (alias flow::NAME) with lib/ and the source root on its include path,
# and its own folder where that has public headers in flow/.
function(flow_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(private $<BUILD_INTERFACE:flow_options>)
  foreach(target IN LISTS ARG_PRIVATE_DEPENDS)
    if(target IN_LIST FLOW_HEADER_ONLY)
      set(target $<BUILD_INTERFACE:${target}>)
    endif()
    list(APPEND private ${target})
  endforeach()
  add_library(flow_${name} STATIC ${ARG_SOURCES})
  add_library(flow::${name} ALIAS flow_${name})
  set_target_properties(flow_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(flow_${name} PUBLIC cxx_std_20)
  target_include_directories(flow_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lib> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:include/flow-engine>)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/flow)  # public headers, <flow/...>
    target_include_directories(flow_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>)
  endif()
  target_link_libraries(flow_${name} PUBLIC ${ARG_DEPENDS} PRIVATE ${private})
  flow_precompile(flow_${name})
endfunction()

# flow_precompile(TARGET [SET]): with the precompiled headers of the libraries, where FLOW_PRECOMPILE
# says so, or those of SET.
function(flow_precompile target)
  if(ARGN)
    set(precompiled ${ARGN})
  elseif(FLOW_PRECOMPILE)
    set(precompiled flow_precompiled)
  else()
    return()
  endif()
  target_precompile_headers(${target} REUSE_FROM ${precompiled})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:fmt::fmt>)
endfunction()

# flow_program(NAME SOURCES... DEPENDS targets...)
# A program in <build>/bin. The target `programs` builds them all; packaging/ installs them.
add_custom_target(programs)
function(flow_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE flow_options ${ARG_DEPENDS})
  flow_precompile(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  add_dependencies(programs ${name})
endfunction()

# flow_test(NAME SOURCES... DEPENDS targets... LABELS labels... ENVIRONMENT NAME=value... TIMEOUT seconds)
# One doctest program NAME_test, one ctest entry NAME. Labels, see docs/testing.md: a level (unit,
# component, sim, system), and `pure` (also run under ThreadSanitizer) or `timing` (run with nothing
# else). Left out of the build where FLOW_TEST_LABELS names labels and none is among its own.
function(flow_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS;ENVIRONMENT" ${ARGN})
  add_executable(${name}_test EXCLUDE_FROM_ALL ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE flow_options flow_test_main ${ARG_DEPENDS})
  flow_precompile(${name}_test flow_precompiled_tests)
  target_compile_options(${name}_test PRIVATE ${FLOW_TEST_OPTIONS})
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  flow_test_wanted(wanted ${ARG_LABELS})
  if(wanted)
    add_dependencies(flow_tests ${name}_test)
  endif()
  flow_add_test(${name} COMMAND ${name}_test LABELS ${ARG_LABELS} ENVIRONMENT ${ARG_ENVIRONMENT}
    TIMEOUT ${ARG_TIMEOUT})
endfunction()

# flow_add_test(NAME COMMAND command... LABELS labels... ENVIRONMENT NAME=value... TIMEOUT seconds)
# A ctest entry for any command, with the labels of flow_test. In a build with a sanitizer it is
# called "NAME (address)" and has five times as long.
function(flow_add_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "COMMAND;LABELS;ENVIRONMENT" ${ARGN})
  flow_test_wanted(wanted ${ARG_LABELS})
  if(NOT wanted)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(FLOW_SANITIZE)
    string(REGEX REPLACE ",.*" "" sanitizer ${FLOW_SANITIZE})
    string(APPEND name " (${sanitizer})")
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  add_test(NAME ${name} COMMAND ${ARG_COMMAND})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "${ARG_ENVIRONMENT}")
  if("timing" IN_LIST ARG_LABELS)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  elseif("system" IN_LIST ARG_LABELS)
    set_tests_properties(${name} PROPERTIES PROCESSORS 2)
  endif()
endfunction()

# flow_test_wanted(VARIABLE labels...): whether FLOW_TEST_LABELS asks for one of the labels.
function(flow_test_wanted variable)
  set(wanted OFF)
  foreach(label IN LISTS ARGN)
    if(label IN_LIST FLOW_TEST_LABELS)
      set(wanted ON)
    endif()
  endforeach()
  if(NOT FLOW_TEST_LABELS)
    set(wanted ON)
  endif()
  set(${variable} ${wanted} PARENT_SCOPE)
endfunction()

# flow_fuzzer(NAME SOURCES... DEPENDS targets...)
# A libFuzzer program <build>/fuzz/NAME_fuzz; nothing unless FLOW_FUZZ.
function(flow_fuzzer name)
  if(NOT FLOW_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name}_fuzz ${ARG_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE flow_options ${ARG_DEPENDS})
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name}_fuzz PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
endfunction()
