# Makes the shared object braid_mpi.so of src/braid/parallel/mpi, where MPI is installed: the only thing that is linked
# with MPI. It lies beside the program in a build, and in lib/braid when installed; parallel/mpi_module.h loads it.
if(NOT BRAID_FUZZ)
  find_package(MPI 3.0 COMPONENTS CXX)
endif()
set_property(GLOBAL APPEND PROPERTY BRAID_MODULES parallel/mpi)  # none of the files of parallel

function(braid_mpi_module)
  if(BRAID_FUZZ)
    return()
  elseif(NOT MPI_CXX_FOUND)
    message(STATUS "MPI is not installed: braid is built without its module for several processes")
    return()
  endif()
  add_library(braid_mpi MODULE ${CMAKE_CURRENT_SOURCE_DIR}/parallel/mpi/mpi_port.cc)
  target_link_libraries(braid_mpi PRIVATE braid_options MPI::MPI_CXX)
  target_compile_definitions(braid_mpi PRIVATE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)  # only MPI's C interface is used
  target_link_options(braid_mpi PRIVATE -Wl,--as-needed)
  set_target_properties(braid_mpi PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden
                                             LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  install(TARGETS braid_mpi LIBRARY DESTINATION lib/braid)
endfunction()
