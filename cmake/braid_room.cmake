# braid_room(NAME room/path DEPENDS other rooms LIBRARIES imported targets)
# One static library from the room's *.cc, and one test program from its *_test.cc (run from the source tree's root, so
# that tests name their fixtures by paths in the repository).
function(braid_room)
  cmake_parse_arguments(ROOM "" "NAME" "DEPENDS;LIBRARIES" ${ARGN})
  string(REPLACE "/" "_" target ${ROOM_NAME})
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${ROOM_NAME})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz)\\.cc$")

  list(TRANSFORM ROOM_DEPENDS PREPEND braid_)
  list(TRANSFORM ROOM_DEPENDS REPLACE "/" "_")
  if(sources)
    add_library(braid_${target} STATIC ${sources})
    target_link_libraries(braid_${target} PUBLIC braid_options ${ROOM_DEPENDS} ${ROOM_LIBRARIES} Threads::Threads)
  else()
    add_library(braid_${target} INTERFACE)
    target_link_libraries(braid_${target} INTERFACE braid_options ${ROOM_DEPENDS} ${ROOM_LIBRARIES} Threads::Threads)
  endif()

  if(tests)
    add_executable(${target}_test ${tests})
    target_link_libraries(${target}_test PRIVATE braid_${target} braid_test_support GTest::gtest_main)
    gtest_discover_tests(${target}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 600)
  endif()
endfunction()
