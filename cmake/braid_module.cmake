# braid_module(NAME module/path DEPENDS modules TEST_DEPENDS modules LIBRARIES imported targets)
# One static library from the module's *.cc, and one test program from its *_test.cc (run from the source tree's root, so
# that tests name their fixtures by paths in the repository).
function(braid_module)
  cmake_parse_arguments(MODULE "" "NAME" "DEPENDS;TEST_DEPENDS;LIBRARIES" ${ARGN})
  string(REPLACE "/" "_" target ${MODULE_NAME})
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${MODULE_NAME})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(fuzzers ${sources})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cc$")

  list(TRANSFORM MODULE_DEPENDS PREPEND braid_)
  list(TRANSFORM MODULE_DEPENDS REPLACE "/" "_")
  list(TRANSFORM MODULE_TEST_DEPENDS PREPEND braid_)
  list(TRANSFORM MODULE_TEST_DEPENDS REPLACE "/" "_")
  if(sources)
    add_library(braid_${target} STATIC ${sources})
    target_link_libraries(braid_${target} PUBLIC braid_options ${MODULE_DEPENDS} ${MODULE_LIBRARIES} Threads::Threads)
  else()
    add_library(braid_${target} INTERFACE)
    target_link_libraries(braid_${target} INTERFACE braid_options ${MODULE_DEPENDS} ${MODULE_LIBRARIES} Threads::Threads)
  endif()

  braid_isa_flags(${sources})

  if(tests)
    add_executable(${target}_test ${tests})
    target_link_libraries(${target}_test PRIVATE braid_${target} ${MODULE_TEST_DEPENDS} braid_test_support GTest::gtest_main)
    # Most of a test's build is its headers and its optimiser: eight files share the first, and none needs much of the
    # second.
    target_compile_options(${target}_test PRIVATE $<$<CONFIG:Release>:-O1>
                           $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)  # as in braid_options.cmake
    set_target_properties(${target}_test PROPERTIES UNITY_BUILD ON)
    if(NOT CMAKE_UNITY_BUILD_BATCH_SIZE)
      set_target_properties(${target}_test PROPERTIES UNITY_BUILD_BATCH_SIZE 8)
    endif()
    gtest_discover_tests(${target}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 600)
  endif()
  # A target's corpus (testdata/corpus/<target> of its module) is replayed in every build.
  foreach(source ${fuzzers})
    get_filename_component(name ${source} NAME_WE)
    set(corpus ${folder}/testdata/corpus/${name})
    if(EXISTS ${corpus} AND NOT BRAID_FUZZ)
      add_executable(${name}_replay ${source} ${CMAKE_SOURCE_DIR}/tests/replay/replay_main.cc)
      target_link_libraries(${name}_replay PRIVATE braid_${target})
      target_include_directories(${name}_replay PRIVATE ${CMAKE_SOURCE_DIR})  # tests/support
      add_test(NAME replay.${name} COMMAND ${name}_replay ${corpus})
    endif()
  endforeach()
  if(BRAID_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(name ${source} NAME_WE)
      add_executable(${name} ${source})
      target_link_libraries(${name} PRIVATE braid_${target})
      target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${name})
    endforeach()
  endif()
endfunction()

# Files named after an instruction-set tier are compiled for it, on x86-64 alone; everything else is for any processor.
# Such a file may include nothing that leaves inline functions for others to link (kernels/cpu/matmul_tier.h), and is
# never compiled together with another; nor is an emulated one.
function(braid_isa_flags)
  set(avx2 -mavx2 -mfma -mf16c)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 warns of the undefined operands inside its own AVX-512 intrinsics (its bug 105593).
    list(APPEND avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
  set(avx512bf16 ${avx512} -mavx512bf16)
  set(amx ${avx512bf16})  # its tile instructions are in assembly
  if(BRAID_FUZZ)
    list(APPEND avx512bf16 -O0)  # clang 16 crashes over the optimised bfloat16 vectors; no fuzz target multiplies any
  endif()
  foreach(source ${ARGN})
    if(source MATCHES "_(portable|avx2|avx512|avx512bf16|amx|emulated)\\.cc$")
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
    foreach(tier avx2 avx512 avx512bf16 amx)
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
