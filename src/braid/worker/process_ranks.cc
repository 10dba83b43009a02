#include "braid/worker/process_ranks.h"

#include <fmt/ranges.h>

#include <string_view>
#include <utility>

#include "braid/base/system_info.h"
#include "braid/model/local_shape.h"
#include "braid/worker/host_share.h"

namespace braid {
namespace {

std::string cpus_text(std::span<const NumaDomain> domains) {
  std::string text;
  for (const NumaDomain& domain : domains) text += fmt::format("{};", fmt::join(domain.cpus, ","));
  return text;
}

}  // namespace

Status check_rank_options(const RankOptions& options, const ModelConfig& config) {
  const auto within = [](std::string_view flag, int32_t value, int32_t least, int32_t most) -> Status {
    if (value >= least && value <= most) return {};
    return fail("{} {}: must be from {} to {}", flag, value, least, most);
  };
  if (options.page_size < 1 || options.page_size % kPageSizeStep != 0 || options.page_size > kMaxPageSize) {
    return fail("--page-size {}: must be a multiple of {} from 16 to {}", options.page_size, kPageSizeStep,
                kMaxPageSize);
  }
  TRY_STATUS(within("--chunked-prefill-size", options.chunked_prefill_size, 1, kMaxChunkedPrefillSize));
  if (config.sees_whole_images && config.vision && config.vision->image_size > 0) {
    const int32_t side = config.vision->image_size / config.vision->patch_size;
    const int64_t needed = config.vision->num_tokens({.rows = side, .cols = side});
    if (options.chunked_prefill_size < needed) {
      return fail("--chunked-prefill-size {}: must be at least {}, the tokens of an image, which see each other",
                  options.chunked_prefill_size, needed);
    }
  }
  TRY_STATUS(within("--max-running-requests", options.max_running_requests, 1, kMaxRunningRequests));
  TRY_STATUS(within("--threads-per-rank", options.threads_per_rank, 0, kMaxThreadsPerRank));
  if (options.max_total_tokens < 0) {
    return fail("--max-total-tokens {}: must be at least 0 (0: by memory)", options.max_total_tokens);
  }
  if (options.kv_cache_bytes < 0) {
    return fail("--kv-cache-memory-bytes {}: must be at least 0 (0: by memory)", options.kv_cache_bytes);
  }
  if (!(options.mem_fraction_static > 0.0 && options.mem_fraction_static < 1.0)) {
    return fail("--mem-fraction-static {}: must be above 0 and below 1", options.mem_fraction_static);
  }
  if (options.context_length < 0 || options.context_length > config.max_position) {
    return fail("--context-length {}: this model's context is {} (max_position_embeddings)", options.context_length,
                config.max_position);
  }
  return check_layout(options.layout, layout_model(config));
}

Result<ProcessRanks> place_own_ranks(const RankOptions& options, std::shared_ptr<const RankTransport> transport) {
  TRY(const std::vector<NumaDomain> domains, numa_domains());
  ProcessRanks ranks{.layout = options.layout, .transport = std::move(transport)};
  ranks.layout.head_parallel = ranks.transport->head_parallel();
  ranks.own = ranks.transport->own_ranks(options.layout);
  const ProcessOfHost own{.host = boot_id(),
                          .cpus = cpus_text(domains),
                          .isa = options.isa.value_or(available_isas().back()),
                          .num_ranks = ranks.num_own()};
  TRY(const std::vector<std::string> all, ranks.transport->gather(encode(own)));
  TRY(const HostShare here, host_share(all, ranks.transport->process()));
  ranks.isa = here.isa;
  ranks.ranks_on_host = here.ranks_on_host;

  NumaChoice numa = options.numa;
  if (numa.mode == NumaChoice::Mode::kMap && numa.map.size() == static_cast<size_t>(options.layout.num_ranks())) {
    const auto first = numa.map.begin() + ranks.own.begin - here.ranks_before;
    numa.map = std::vector<int32_t>(first, first + here.ranks_on_cpus);
  }
  TRY(const std::vector<RankCpus> places, place_ranks(domains, here.ranks_on_cpus, numa));
  const auto first = places.begin() + here.ranks_before;
  ranks.places.assign(first, first + ranks.num_own());
  const int num_cores = available_cores();
  ranks.threads_per_rank = options.threads_per_rank > 0
                               ? options.threads_per_rank
                               : default_threads(ranks.places.front(), here.ranks_on_cpus, num_cores);
  ranks.ranks_share_cpus = here.ranks_on_cpus > num_cores;
  return ranks;
}

}  // namespace braid
