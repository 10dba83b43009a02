# braid_compile_quickly(target [TESTS])
# For code whose speed does not matter. TESTS get -O1, which takes a third less time to compile than -O3. Libraries get
# -Os, which takes 8 % more than -O1 and makes a third less code: a running program has nearly all of it in memory. And
# the headers of the standard library, fmt and (for TESTS) GoogleTest are compiled once for all these targets: reading
# them takes the compiler 1 s a file, and 0.2 s when precompiled. Headers of braid itself stay out, so that a change of
# one recompiles only the files that include it. Targets with -O3 do without: there GCC 12 has false alarms in
# precompiled headers (std::string's operator+).
set(BRAID_PRECOMPILED_HEADERS
    <algorithm> <array> <atomic> <chrono> <cmath> <condition_variable> <cstdint> <cstring> <filesystem> <fstream>
    <functional> <map> <memory> <mutex> <optional> <random> <set> <span> <sstream> <string> <string_view> <thread>
    <unordered_map> <utility> <variant> <vector> <fmt/format.h>)

file(WRITE ${CMAKE_BINARY_DIR}/generated/precompiled.cc.new "// Made by cmake/braid_quick.cmake.\n")
file(COPY_FILE ${CMAKE_BINARY_DIR}/generated/precompiled.cc.new ${CMAKE_BINARY_DIR}/generated/precompiled.cc ONLY_IF_DIFFERENT)

function(braid_add_precompiled name)
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/generated/precompiled.cc)
  target_link_libraries(${name} PRIVATE braid_options fmt::fmt)
  target_precompile_headers(${name} PRIVATE ${BRAID_PRECOMPILED_HEADERS} ${ARGN})
endfunction()
braid_add_precompiled(braid_precompiled)
target_compile_options(braid_precompiled PRIVATE $<$<CONFIG:Release>:-Os>)  # as those that use them: GCC compares
braid_add_precompiled(braid_precompiled_tests <gtest/gtest.h>)
target_link_libraries(braid_precompiled_tests PRIVATE GTest::gtest)

function(braid_compile_quickly target)
  cmake_parse_arguments(QUICKLY "TESTS" "" "" ${ARGN})
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:$<IF:$<BOOL:${QUICKLY_TESTS}>,-O1,-Os>>)
  if(QUICKLY_TESTS)
    target_precompile_headers(${target} REUSE_FROM braid_precompiled_tests)
  else()
    target_precompile_headers(${target} REUSE_FROM braid_precompiled)
  endif()
endfunction()
