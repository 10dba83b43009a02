// The edge of the process.
#include <csignal>
#include <cstdio>
#include <exception>

#include "braid/cli/program.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write, not our end
  try {
    return braid::run_program(argc, argv, BRAID_VERSION);
  } catch (const std::exception& error) {  // out of memory, say
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
