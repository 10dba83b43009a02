# The compiler options that every target of braid shares.
add_library(braid_options INTERFACE)
target_include_directories(braid_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(braid_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                       -Wno-missing-field-initializers)  # designated initialisers name what differs from the default
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(braid_options INTERFACE -Wno-restrict)  # false alarms in std::string's operator+ (GCC bug 105651)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  # False alarms where bytes are added to a std::vector (GCC bug 107852). AddressSanitizer finds the true ones.
  target_compile_options(braid_options INTERFACE -Wno-array-bounds -Wno-stringop-overflow)
endif()
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # In a batch GCC takes the included sources for headers, and reads of empty std::optionals for uninitialised ones.
  target_compile_options(braid_options INTERFACE -Wno-subobject-linkage -Wno-maybe-uninitialized)
endif()
if(BRAID_WERROR)
  target_compile_options(braid_options INTERFACE -Werror)
endif()

if(BRAID_SANITIZE)
  list(JOIN BRAID_SANITIZE "," sanitizers)
  target_compile_options(braid_options INTERFACE -fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(braid_options INTERFACE -fsanitize=${sanitizers})
endif()

if(BRAID_SANITIZE STREQUAL "thread")  # ThreadSanitizer ignores Asio's fences; Asio's locks give the same order
  target_compile_definitions(braid_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()

if(BRAID_FUZZ)
  target_compile_options(braid_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)  # otherwise undefined behaviour only prints a line
  target_link_options(braid_options INTERFACE -fsanitize=address,undefined)
endif()

# Results must not depend on the compiler: it may not contract a product and a sum. Fused multiply-adds are explicit.
target_compile_options(braid_options INTERFACE -ffp-contract=off)
