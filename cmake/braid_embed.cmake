# braid_embed(MODULE FOLDER module/folder)
# Embeds the files of a folder in the module: CMake writes a C++ source at build time, which defines the functions that the
# module declares in its embedded_files.h.
function(braid_embed module)
  cmake_parse_arguments(EMBED "" "FOLDER" "" ${ARGN})
  string(REPLACE "/" "_" target braid_${module})
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${EMBED_FOLDER})
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*)
  list(TRANSFORM files REPLACE "^.*/" "" OUTPUT_VARIABLE names)
  list(JOIN names "/" names)
  set(source ${CMAKE_BINARY_DIR}/generated/braid/${module}/embedded_files.cc)
  set(script ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake)
  add_custom_command(
    OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DNAMES=${names} -DHEADER=braid/${module}/embedded_files.h -DOUTPUT=${source}
            -P ${script}
    DEPENDS ${files} ${script}
    VERBATIM)
  target_sources(${target} PRIVATE ${source})
endfunction()
