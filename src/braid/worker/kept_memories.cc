#include "braid/worker/kept_memories.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "braid/kernels/isa.h"
#include "braid/weights/checkpoint_fingerprint.h"

namespace braid {
namespace {

constexpr double kWait_s = 1;  // for a process that is about to end

}  // namespace

std::string kept_memory_name(int32_t world, int64_t rank) {
  return fmt::format("{}-{}", world, rank);
}

std::string kept_weights_name(int32_t world, int64_t first_rank) {
  return fmt::format("weights-{}-{}", world, first_rank);
}

KeptMemories::KeptMemories(const RankOptions& options, const ProcessRanks& ranks, const Checkpoint& checkpoint,
                           const KvShape& shape, CpuIsa isa, DType dtype, Logger& log)
    : memories_(static_cast<size_t>(ranks.num_own())), what_(memories_.size()) {
  const KvGroups kv_groups = shape.kv_groups();
  const bool sees_all = kv_groups.count() == 1 && kv_groups.windows[0] == 0;
  is_on_ = !options.kept.key.empty() && options.radix_cache && sees_all && ranks.layout.num_worlds() == 1;
  if (!is_on_ || options.kept.folder.empty()) return;
  const auto fingerprint = checkpoint_fingerprint(checkpoint);
  if (!fingerprint.ok()) {
    log.warn("these ranks keep nothing for the next start: {}", fingerprint.error().message);
    return;
  }
  for (size_t i = 0; i < memories_.size(); ++i) {
    const int64_t rank = ranks.own.begin + static_cast<int64_t>(i);
    // The key stands for all flags. What may still differ from start to start: the file, the node, its instructions.
    what_[i] =
        fmt::format("{}; checkpoint {}, rank {}, heads in {}, {} {}, {} layers, {} heads of {}, {} {}, pages of {}",
                    options.kept.key, *fingerprint, rank, static_cast<int>(ranks.layout.head_parallel), isa_name(isa),
                    dtype_name(dtype), shape.num_layers, shape.num_kv_heads, shape.head_dim, dtype_name(shape.dtype),
                    static_cast<int>(shape.codes), shape.page_size);
    auto memory = KeptMemory::open(options.kept.folder, kept_memory_name(options.kept.world, rank), kWait_s);
    if (memory.ok()) {
      memories_[i] = std::move(*memory);
    } else {
      log.warn("rank {} keeps nothing for the next start: {}", rank, memory.error().message);
    }
  }
}

int64_t KeptMemories::committed_bytes() const {
  int64_t bytes = 0;
  for (const std::optional<KeptMemory>& memory : memories_) bytes += memory ? memory->committed_bytes() : 0;
  return bytes;
}

int64_t KeptMemories::pool_bytes() const {
  int64_t bytes = 0;
  for (size_t i = 0; i < memories_.size(); ++i) {
    if (memories_[i]) bytes = std::max(bytes, KeptPages::pool_bytes_in(*memories_[i], what_[i]));
  }
  return bytes;
}

Result<std::vector<std::unique_ptr<KeptPages>>> KeptMemories::open(const KvShape& shape,
                                                                   std::span<const KvGroupPool> kv_groups,
                                                                   int64_t pool_bytes) {
  std::vector<std::unique_ptr<KeptPages>> pages(memories_.size());
  for (size_t i = 0; i < memories_.size(); ++i) {
    if (!memories_[i]) continue;
    TRY(pages[i], KeptPages::open(*std::move(memories_[i]), what_[i], shape, kv_groups, pool_bytes));
    memories_[i].reset();
  }
  return pages;
}

int64_t pool_bytes_like_before(int64_t pool_bytes, int64_t kept_bytes) {
  const bool is_like_before = pool_bytes >= kept_bytes / 10 * 9 && pool_bytes / 3 * 2 <= kept_bytes;
  return kept_bytes > 0 && is_like_before ? kept_bytes : pool_bytes;
}

}  // namespace braid
