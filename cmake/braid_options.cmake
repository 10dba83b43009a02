# The compiler options that every target of braid shares.
add_library(braid_options INTERFACE)
target_include_directories(braid_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(braid_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       -Wno-missing-field-initializers)  # designated initialisers name what differs from the default
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(braid_options INTERFACE -Wno-restrict)  # false alarms in std::string's operator+ (GCC bug 105651)
endif()
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # It takes every source that another includes for a header; and the payloads of empty std::optionals for values that are read.
  target_compile_options(braid_options INTERFACE -Wno-subobject-linkage -Wno-maybe-uninitialized)
endif()
if(BRAID_WERROR)
  target_compile_options(braid_options INTERFACE -Werror)
endif()

# For code whose speed does not matter: -O1 takes a third less time to compile than -O3.
function(braid_compile_quickly target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

if(BRAID_SANITIZE)
  list(JOIN BRAID_SANITIZE "," sanitizers)
  target_compile_options(braid_options INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(braid_options INTERFACE -fsanitize=${sanitizers})
endif()

if(BRAID_SANITIZE STREQUAL "thread")  # cannot see Asio's fences; its locks order everything as well
  target_compile_definitions(braid_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()

if(BRAID_FUZZ)
  target_compile_options(braid_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)  # else undefined behaviour is a line of output, and the run goes on
  target_link_options(braid_options INTERFACE -fsanitize=address,undefined)
endif()

# An expression's sum must not depend on which compiler contracted it: fused multiply-adds are written, never implied.
target_compile_options(braid_options INTERFACE -ffp-contract=off)
