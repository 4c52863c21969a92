# Compiler options every target of ours gets, through the interface target flow_options.
add_library(flow_options INTERFACE)
target_compile_options(flow_options INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow
  -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Wunused -Woverloaded-virtual -fno-omit-frame-pointer)
# Symbols are bound at start: lazily, each first call would cost the first request a look-up, and the
# tables would stay writable.
target_link_options(flow_options INTERFACE -Wl,-z,relro -Wl,-z,now)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT FLOW_SANITIZE)
  target_compile_options(flow_options INTERFACE -Wno-maybe-uninitialized)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND FLOW_SANITIZE)
  # g++ 12 sees uninitialised reads in instrumented standard library code that are none.
  target_compile_options(flow_options INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND FLOW_SANITIZE STREQUAL "thread")
  # It does not see what fences order. Ours order atomics among themselves, so nothing is missed.
  target_compile_options(flow_options INTERFACE -Wno-tsan)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
  add_compile_definitions(NDEBUG)
endif()
if(FLOW_SANITIZE)
  add_compile_options(-fsanitize=${FLOW_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FLOW_SANITIZE})
endif()
# FLOW_FAST_BUILD compiles the files of a target several at a time, with the headers that most of them
# need compiled once: a third of the time. Builds without it (dev, clang) show that every file includes
# what it needs. The tests' set of headers has doctest too and is used in every build, flowctl's has
# CLI11. All that share a set compile with the same options.
function(flow_precompiled name)  # NAME headers...
  add_library(${name} OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled.cc)
  target_link_libraries(${name} PRIVATE flow_options fmt::fmt)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/lib)
  target_precompile_headers(${name} PRIVATE ${ARGN}
    <fmt/format.h> <algorithm> <deque> <functional> <map> <memory> <optional> <set> <span> <string>
    <string_view> <unordered_map> <variant> <vector> "${PROJECT_SOURCE_DIR}/lib/wire/membership.h"
    "${PROJECT_SOURCE_DIR}/lib/wire/part.h" "${PROJECT_SOURCE_DIR}/lib/wire/document_list.h")
endfunction()
add_compile_options(-pthread -fpch-preprocess)
if(FLOW_FAST_BUILD)
  add_compile_options(-fPIC)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 6)
  flow_precompiled(flow_precompiled)
  flow_precompiled(flow_precompiled_flowctl <CLI/CLI.hpp>)
endif()
# A test's own code is compiled once and run once: optimising it costs more than it gains, and so do
# the checks of every pointer in it, a third of its time.
set(FLOW_TEST_OPTIONS $<$<CONFIG:Release>:-O0>)
if(FLOW_SANITIZE MATCHES undefined)
  set(FLOW_TEST_OPTIONS -fno-sanitize=null,alignment,vptr,object-size)
endif()
if(FLOW_TESTS)
  flow_precompiled(flow_precompiled_tests <doctest/doctest.h>)
  target_compile_options(flow_precompiled_tests PRIVATE ${FLOW_TEST_OPTIONS})
endif()
if(FLOW_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
