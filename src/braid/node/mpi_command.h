// The command line that starts the processes of a world, on this host and on others. Pure. Tested by
// mpi_command_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

struct MpiCommandOptions {
  std::vector<int32_t> processes_on_node;  // node 0 is this host
  std::vector<std::string> program;        // of each process, with its arguments
  bool is_root = false;                    // mpirun refuses root without a flag
  // Starts a command on another node: is called with the node's name and the command behind it, and ends when that
  // ends.
  std::vector<std::string> launcher = {};
  std::string message_layer = {};  // mpi_message_layer()
};

// One process needs no MPI: then it is just the program, or the launcher with it.
std::vector<std::string> mpi_command(const MpiCommandOptions& options);

// The name of a node for MPI, which no host has, and back; -1: none.
std::string node_name(int32_t node);
int32_t node_of(std::string_view name);

// A command as one text that a shell takes apart again.
std::string shell_text(std::span<const std::string> command);

}  // namespace braid
