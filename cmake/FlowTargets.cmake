# How targets are made here. Folder = namespace = target.

# Third-party libraries that are headers alone. A library of ours that uses one privately needs it
# to be built, not to be linked, so the installed package does not ask for it.
set(FLOW_HEADER_ONLY nlohmann_json::nlohmann_json CLI11::CLI11 toml11::toml11 flow_schemas)

# flow_library(NAME SOURCES... DEPENDS targets... PRIVATE_DEPENDS targets... PRECOMPILED set)
# A static library flow_NAME (alias flow::NAME) with lib/ and the source root on its include path,
# and its own folder where that has public headers in flow/. PRECOMPILED: another set of headers.
function(flow_library name)
  cmake_parse_arguments(ARG "" "PRECOMPILED" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
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
  flow_fast_build(flow_${name} ${ARG_PRECOMPILED})
endfunction()

# flow_fast_build(TARGET [SET]): where FLOW_FAST_BUILD says so, several files at a time and with the
# precompiled headers of SET or of the libraries (FlowOptions.cmake).
function(flow_fast_build target)
  if(NOT FLOW_FAST_BUILD)
    return()
  endif()
  if(NOT ARGN)
    set(ARGN flow_precompiled)
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON)
  flow_precompile(${target} ${ARGN})
endfunction()

function(flow_precompile target set)
  target_precompile_headers(${target} REUSE_FROM ${set})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:fmt::fmt>)
endfunction()

# flow_program(NAME SOURCES... DEPENDS targets... PRECOMPILED set)
# A program in <build>/bin. The target `programs` builds them all; packaging/ installs them.
add_custom_target(programs)
function(flow_program name)
  cmake_parse_arguments(ARG "" "PRECOMPILED" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE flow_options ${ARG_DEPENDS})
  flow_fast_build(${name} ${ARG_PRECOMPILED})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  add_dependencies(programs ${name})
endfunction()

# flow_test(NAME SOURCES... DEPENDS targets... LABELS labels... ENVIRONMENT NAME=value... TIMEOUT seconds
#           [ALONE])
# One doctest program NAME_test, one ctest entry NAME. Labels, see docs/testing.md: a level (unit,
# component, sim, system), and `pure` (also run under ThreadSanitizer) or `timing` (run with nothing
# else). Left out of the build where FLOW_TEST_LABELS names labels and none is among its own. ALONE:
# each file is compiled by itself in every build, as their helpers share names.
function(flow_test name)
  cmake_parse_arguments(ARG "ALONE" "TIMEOUT" "SOURCES;DEPENDS;LABELS;ENVIRONMENT" ${ARGN})
  add_executable(${name}_test EXCLUDE_FROM_ALL ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE flow_test_main ${ARG_DEPENDS})
  flow_test_code(${name}_test)
  if(ARG_ALONE)
    set_target_properties(${name}_test PROPERTIES UNITY_BUILD OFF)
  endif()
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  flow_test_wanted(wanted ${ARG_LABELS})
  if(wanted)
    add_dependencies(flow_tests ${name}_test)
  endif()
  flow_add_test(${name} COMMAND ${name}_test LABELS ${ARG_LABELS} ENVIRONMENT ${ARG_ENVIRONMENT}
    TIMEOUT ${ARG_TIMEOUT})
endfunction()

# flow_test_library(NAME SOURCES... DEPENDS targets...)
# What several tests, and nothing else, share: a static library NAME, built where a test needs it.
function(flow_test_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC EXCLUDE_FROM_ALL ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS})
  flow_test_code(${name})
endfunction()

# flow_test_code(TARGET): compiles it as tests are.
function(flow_test_code target)
  target_link_libraries(${target} PRIVATE flow_options)
  target_compile_options(${target} PRIVATE ${FLOW_TEST_OPTIONS})
  flow_precompile(${target} flow_precompiled_tests)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${FLOW_FAST_BUILD})
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
  # What may take long begins first, so that no core waits for it in the end.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "${ARG_ENVIRONMENT}")
  if("timing" IN_LIST ARG_LABELS)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
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
