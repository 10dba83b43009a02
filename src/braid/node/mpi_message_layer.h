// Which of its layers MPI is told to send messages with. Tested by mpi_message_layer_test.cc.
#pragma once

#include <filesystem>
#include <string>

namespace braid {

// "ob1", which has shared memory and TCP, if this host has no other network (InfiniBand, RoCE, Omni-Path, EFA,
// Slingshot): MPI would come to the same, but looks through its drivers for these networks first, which takes each
// process 0.2 s. Empty: MPI chooses, or the environment says it (OMPI_MCA_pml). `devices`: the system's.
std::string mpi_message_layer(const std::filesystem::path& devices = "/sys/class");

}  // namespace braid
