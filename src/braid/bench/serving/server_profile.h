// A profile of the server under load, with all of its processes and nodes (POST /start_profile, /stop_profile). Tested
// by tests/e2e/test_profile.py.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/bench/serving/client.h"
#include "braid/cli/output_file.h"

namespace braid::serving {

class ServerProfile {
 public:
  // Begins it. `path`: of the timeline, which is not touched before stop(). The load outlives the result.
  static Result<ServerProfile> start(const LoadOptions& load, const std::string& path);

  // Writes the timeline. Returns the server's summary: where the time went, clocks, what is missing, what to try.
  Result<std::string> stop();

 private:
  ServerProfile(const LoadOptions& load, OutputFile file) : load_(&load), file_(std::move(file)) {}

  const LoadOptions* load_;
  OutputFile file_;
};

}  // namespace braid::serving
