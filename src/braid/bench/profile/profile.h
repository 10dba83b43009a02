// `braid bench profile`: where the ranks' time goes while many requests run, as a Chrome trace and a table of shares.
// The trace and the table are tested by api/profile_test.cc.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/bench/throughput/throughput.h"

namespace braid {

// Writes the trace to `path`, which is not touched before the model is loaded, and the table to `out`.
Status run_bench_profile(const ThroughputOptions& options, const std::string& path, std::shared_ptr<Logger> logger,
                         std::FILE* out);

}  // namespace braid
