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
  set(fuzzers ${sources})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cc$")

  list(TRANSFORM ROOM_DEPENDS PREPEND braid_)
  list(TRANSFORM ROOM_DEPENDS REPLACE "/" "_")
  if(sources)
    add_library(braid_${target} STATIC ${sources})
    target_link_libraries(braid_${target} PUBLIC braid_options ${ROOM_DEPENDS} ${ROOM_LIBRARIES} Threads::Threads)
  else()
    add_library(braid_${target} INTERFACE)
    target_link_libraries(braid_${target} INTERFACE braid_options ${ROOM_DEPENDS} ${ROOM_LIBRARIES} Threads::Threads)
  endif()

  braid_isa_flags(${sources})

  if(tests)
    add_executable(${target}_test ${tests})
    target_link_libraries(${target}_test PRIVATE braid_${target} braid_test_support GTest::gtest_main)
    gtest_discover_tests(${target}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 600)
  endif()
  if(BRAID_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(name ${source} NAME_WE)
      add_executable(${name} ${source})
      target_link_libraries(${name} PRIVATE braid_${target})
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()

# Files named after an instruction-set tier are compiled for it, on x86-64 alone; everything else is for any processor.
# Such a file may include nothing that leaves inline functions for others to link (kernels/cpu/matmul_tier.h).
function(braid_isa_flags)
  set(avx2 -mavx2 -mfma -mf16c)
  # The -Wno-: g++ 12 warns of the undefined operands inside its own AVX-512 intrinsics (its bug 105593).
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mprefer-vector-width=512
      -Wno-uninitialized -Wno-maybe-uninitialized)
  set(amx ${avx512})  # its tile instructions are in assembly
  foreach(source ${ARGN})
    foreach(tier avx2 avx512 amx)
      if(source MATCHES "_${tier}\\.cc$")
        if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
          set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${${tier}}")
        else()
          set_source_files_properties(${source} PROPERTIES HEADER_FILE_ONLY ON)
        endif()
      endif()
    endforeach()
  endforeach()
endfunction()
