# braid_flatbuffers(MODULE SCHEMAS module/schema.fbs ...)
# Compiles the schemas of a module at build time; its sources include "braid/module/schema_generated.h". Only FlatBuffers'
# compiler and headers are used; nothing is linked.
find_program(BRAID_FLATC flatc REQUIRED)
find_path(BRAID_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED)

function(braid_flatbuffers module)
  cmake_parse_arguments(FLAT "" "" "SCHEMAS" ${ARGN})
  string(REPLACE "/" "_" target braid_${module})
  set(generated ${CMAKE_BINARY_DIR}/generated)
  list(TRANSFORM FLAT_SCHEMAS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE all)  # one may include another
  foreach(schema ${FLAT_SCHEMAS})
    get_filename_component(folder ${schema} DIRECTORY)
    get_filename_component(name ${schema} NAME_WE)
    set(header ${generated}/braid/${folder}/${name}_generated.h)
    add_custom_command(
      OUTPUT ${header}
      COMMAND ${BRAID_FLATC} --cpp --scoped-enums -o ${generated}/braid/${folder} ${CMAKE_CURRENT_SOURCE_DIR}/${schema}
      DEPENDS ${all}
      VERBATIM)
    target_sources(${target} PRIVATE ${header})
  endforeach()
  # SYSTEM: generated code does not have to pass our warnings.
  target_include_directories(${target} SYSTEM PRIVATE ${generated} ${BRAID_FLATBUFFERS_INCLUDE})
endfunction()
