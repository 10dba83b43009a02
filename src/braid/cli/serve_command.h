// braid serve: a model behind OpenAI's API, until a signal ends it.
#pragma once

#include "braid/base/result.h"
#include "braid/cli/serve_flags.h"

namespace braid {

// Listens at once (503 until the model is there), says where on standard output when it is ready, and on SIGTERM or
// SIGINT finishes what runs; a second signal ends the process. The exit code.
Result<int> run_serve(const ServeFlags& flags);

}  // namespace braid
