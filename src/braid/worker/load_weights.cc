#include "braid/worker/load_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/clock.h"
#include "braid/base/log_parts.h"
#include "braid/base/system_info.h"
#include "braid/weights/checkpoint_fingerprint.h"
#include "braid/weights/pack_cache/pack_cache.h"
#include "braid/worker/kept_memories.h"

namespace braid {
namespace {

constexpr double kWaitForLast_s = 1;  // for a process that is about to end

// Everything that decides how the weights are split and held.
std::string describe_split(const ProcessRanks& ranks, const WeightForm& form) {
  const ParallelLayout& layout = ranks.layout;
  const bool has_all = ranks.num_own() == layout.num_ranks();
  std::string text = fmt::format("tp_size {} dp_size {} dp_attention {} moe {} head {}{}", layout.tp_size,
                                 layout.dp_size, layout.enable_dp_attention, static_cast<int>(layout.moe_parallel),
                                 static_cast<int>(layout.head_parallel),
                                 has_all ? "" : fmt::format(" ranks {} to {}", ranks.own.begin, ranks.own.end));
  if (form.quantized.quantization != Quantization::kNone) {
    text += fmt::format(" quantization {}", static_cast<int>(form.quantized.quantization));
  }
  const VisionShard& vision = form.vision_shard;
  if (vision.num_parts > 1) {
    text += fmt::format(" vision {} to {} of {}", vision.own.begin, vision.own.end, vision.num_parts);
  }
  return text;
}

// The same, and what else decides the bytes and their places from one start to the next.
Result<std::string> describe_kept(const Checkpoint& checkpoint, const RankOptions& options, const ProcessRanks& ranks,
                                  const WeightForm& form) {
  TRY(const std::string fingerprint, checkpoint_fingerprint(checkpoint));
  std::vector<int32_t> domains;
  for (const RankCpus& place : ranks.places) domains.push_back(place.domain);
  return fmt::format("{}; program {}, checkpoint {}, {}, {} activations {}, domains {}", options.kept.key, program_id(),
                     fingerprint, describe_split(ranks, form), dtype_name(form.dtype),
                     form.quantized.activations ? static_cast<int>(*form.quantized.activations) : 0,
                     fmt::join(domains, " "));
}

std::unique_ptr<KeptWeights> find_kept(const Checkpoint& checkpoint, const RankOptions& options,
                                       const ProcessRanks& ranks, const WeightForm& form,
                                       std::optional<KeptMemory> memory, Logger& log) {
  if (!memory) return nullptr;
  auto what = describe_kept(checkpoint, options, ranks, form);
  auto kept = what.ok() ? KeptWeights::open(*std::move(memory), *std::move(what))
                        : Result<std::unique_ptr<KeptWeights>>(what.error());
  if (kept.ok()) return *std::move(kept);
  log.warn("these ranks leave no weights to the next start: {}", kept.error().message);
  return nullptr;
}

Result<std::unique_ptr<WeightCheck>> check_of(LoadedModel& model, const ProcessRanks& ranks, KeptWeights* kept,
                                              ThreadTeam& team, Logger& log) {
  const double gigabytes = static_cast<double>(model.weight_bytes) / 1e9;
  if (kept != nullptr && kept->are_there()) {
    TRY(std::vector<uint64_t> sums, kept->sums());
    log.info("{:.2f} GB of weights taken over from the last start", gigabytes);
    return std::make_unique<WeightCheck>(WeightPages(std::move(model.memory), std::move(sums)), ranks.num_own());
  }
  const double start_s = monotonic_seconds();
  WeightPages pages(std::move(model.memory), team);
  log.debug("checksums of {:.2f} GB of weights in {:.3f} s", gigabytes, monotonic_seconds() - start_s);
  if (kept != nullptr) TRY_STATUS(kept->finish(pages.sums()));
  return std::make_unique<WeightCheck>(std::move(pages), ranks.num_own());
}

}  // namespace

std::optional<KeptMemory> open_kept_weights(const KeptMemoryOptions& options, const ProcessRanks& ranks, Logger& log) {
  if (options.key.empty() || options.folder.empty()) return std::nullopt;
  std::optional<KeptMemory> own;
  for (int64_t rank = ranks.own.begin; rank < ranks.own.end; ++rank) {
    auto memory = KeptMemory::open(options.folder, kept_weights_name(options.world, rank), kWaitForLast_s);
    Status cleared;
    if (memory.ok() && *memory && rank > ranks.own.begin) cleared = (*memory)->clear(0);
    if (!memory.ok() || !cleared.ok()) {
      log.warn("rank {} leaves no weights to the next start: {}", rank,
               memory.ok() ? cleared.error().message : memory.error().message);
    } else if (rank == ranks.own.begin) {
      own = *std::move(memory);
    }
  }
  return own;
}

Result<LoadedWeights> load_weights(const Checkpoint& checkpoint, const RankOptions& options, const ProcessRanks& ranks,
                                   const WeightForm& form, std::optional<KeptMemory> memory,
                                   const std::shared_ptr<Logger>& logger, const LoadProgress& progress) {
  const std::shared_ptr<Logger> log = log_of(LogPart::kWeights, logger);
  LoadedWeights loaded;
  loaded.kept = find_kept(checkpoint, options, ranks, form, std::move(memory), *log);
  const bool are_there = loaded.kept != nullptr && loaded.kept->are_there();
  ThreadTeam team(std::min(ranks.threads_per_rank * ranks.num_own(), available_cores()));
  std::unique_ptr<PackCache> cache;
  if (!options.pack_cache.empty() && !are_there) {
    TRY(cache,
        PackCache::open(checkpoint,
                        {.folder = options.pack_cache, .dtype = form.dtype, .layout = describe_split(ranks, form)},
                        team, log));
  }
  TRY(loaded.model, load_model(checkpoint, form.dtype, form.num_positions, ranks.layout, ranks.own, ranks.places, team,
                               progress, cache.get(), form.quantized, form.vision_shard, loaded.kept.get()));
  TRY(loaded.check, check_of(loaded.model, ranks, loaded.kept.get(), team, *log));
  return loaded;
}

}  // namespace braid
