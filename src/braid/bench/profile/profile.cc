#include "braid/bench/profile/profile.h"

#include <fmt/format.h>

#include <utility>

#include "braid/api/profile.h"
#include "braid/cli/output_file.h"

namespace braid {

Status run_bench_profile(const ThroughputOptions& options, const std::string& path, std::shared_ptr<Logger> logger,
                         std::FILE* out) {
  TRY(const auto engine, load_for_throughput(options, std::move(logger)));
  TRY(OutputFile file, OutputFile::create("--output", path));
  engine->start_profile();
  TRY_STATUS(run_random_requests(options, *engine));
  const Profile profile = engine->stop_profile();
  file.stream() << chrome_trace(profile);
  TRY_STATUS(file.commit());
  fmt::print(out, "{}{}: open it in chrome://tracing or ui.perfetto.dev\n", profile_summary(profile), path);
  return {};
}

}  // namespace braid
