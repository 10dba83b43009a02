// The program `braid`: picks a command, prints its error as one line, and gives the exit code.
#pragma once

#include <string>

namespace braid {

// The process's exit code. `version` as --version shows it.
int run_program(int argc, char** argv, const std::string& version);

}  // namespace braid
