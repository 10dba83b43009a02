# braid_gtest(program SHARDS n)
# Registers a GoogleTest program with CTest as n shards, each a process that runs every n-th test. Each writes the results
# of its tests to test-results/<program>.<shard>.xml, for tools/run_unit_tests.py. Tests run from the source tree's root,
# so that they name their fixtures by paths in the repository.
add_custom_target(unit_tests)  # all test programs, and nothing else

function(braid_gtest program)
  add_dependencies(unit_tests ${program})
  cmake_parse_arguments(GTEST "" "SHARDS" "" ${ARGN})
  foreach(shard RANGE 1 ${GTEST_SHARDS})
    math(EXPR index "${shard} - 1")
    add_test(NAME ${program}.${shard} COMMAND ${program} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set(results ${CMAKE_BINARY_DIR}/test-results/${program}.${shard}.xml)
    # CTest starts the costliest first: many shards mean long tests.
    set_tests_properties(${program}.${shard} PROPERTIES COST ${GTEST_SHARDS} TIMEOUT 900
                         ENVIRONMENT "GTEST_TOTAL_SHARDS=${GTEST_SHARDS};GTEST_SHARD_INDEX=${index};GTEST_OUTPUT=xml:${results}")
  endforeach()
endfunction()
