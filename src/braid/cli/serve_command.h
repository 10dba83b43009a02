// braid serve: serves a model with OpenAI's API until a signal ends it. Tested by tests/e2e/test_server_life.py.
#pragma once

#include "braid/base/result.h"
#include "braid/cli/serve_flags.h"

namespace braid {

// Listens at once (503 until the model is loaded), and prints its address to standard output when it is ready. SIGTERM
// or SIGINT lets running requests finish; a second signal ends the process. Returns the exit code.
Result<int> run_serve(const ServeFlags& flags);

// The same for the front of a launched job (launched_rank.h).
Result<int> run_launched_front(const ServeFlags& flags, LaunchedFront launched);

}  // namespace braid
