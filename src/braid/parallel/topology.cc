#include "braid/parallel/topology.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "braid/base/check.h"
#include "braid/base/function_ref.h"

namespace braid {
namespace {

// "1, 3 or 9"
std::string one_of(const std::vector<int32_t>& sizes) {
  std::string text;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i > 0) text += i + 1 == sizes.size() ? " or " : ", ";
    text += std::to_string(sizes[i]);
  }
  return text;
}

// The sizes in [1, limit] that work and are nearest to `wanted`, ascending, few enough to read. Never empty if 1 works.
std::vector<int32_t> nearest_sizes(int32_t wanted, int32_t limit, FunctionRef<bool(int32_t)> works) {
  constexpr size_t kReadable = 6;
  std::vector<int32_t> sizes;
  for (int32_t size = 1; size <= limit; ++size) {
    if (works(size)) sizes.push_back(size);
  }
  const auto distance = [&](int32_t size) { return std::abs(size - wanted); };
  std::stable_sort(sizes.begin(), sizes.end(), [&](int32_t a, int32_t b) { return distance(a) < distance(b); });
  if (sizes.size() > kReadable) sizes.resize(kReadable);
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

bool heads_divide(const LayoutModel& model, int32_t attn_tp_size) {
  return model.num_heads % attn_tp_size == 0 &&
         (model.num_kv_heads % attn_tp_size == 0 || attn_tp_size % model.num_kv_heads == 0);
}

// The parts of all layers' FFN that are split over the ranks of a world.
struct Sharded {
  const char* name;
  int32_t count;
};
std::vector<Sharded> sharded_over_all(const LayoutModel& model, MoeParallel moe_parallel) {
  std::vector<Sharded> all;
  if (model.ffn > 0) all.push_back({.name = "the feed-forward size", .count = model.ffn});
  if (model.num_experts > 0 && moe_parallel == MoeParallel::kEp) {
    all.push_back({.name = "the number of experts", .count = model.num_experts});
  } else if (model.num_experts > 0) {
    all.push_back({.name = "the experts' feed-forward size", .count = model.expert_ffn});
  }
  if (model.shared_ffn > 0) {
    all.push_back({.name = "the shared expert's feed-forward size", .count = model.shared_ffn});
  }
  return all;
}

bool all_divide(const LayoutModel& model, MoeParallel moe_parallel, int32_t attn_tp_size, int32_t groups) {
  if (!heads_divide(model, attn_tp_size)) return false;
  const auto sharded = sharded_over_all(model, moe_parallel);
  return std::all_of(sharded.begin(), sharded.end(),
                     [&](const Sharded& one) { return one.count % (attn_tp_size * groups) == 0; });
}

// Numbers of ranks that work for the whole model with the present number of groups, in the user's flags.
std::string working_sizes(const ParallelLayout& layout, const LayoutModel& model) {
  const int32_t groups = layout.groups_per_world();
  const auto sizes = nearest_sizes(layout.attn_tp_size(), std::min(model.num_heads, kMaxRanks / groups),
                                   [&](int32_t size) { return all_divide(model, layout.moe_parallel, size, groups); });
  if (sizes.empty()) return fmt::format("no --tp-size works with --dp-size {}", groups);
  if (groups == 1) return fmt::format("--tp-size {} works", one_of(sizes));
  std::vector<int32_t> tp_sizes;
  for (const int32_t size : sizes) tp_sizes.push_back(size * groups);
  return fmt::format("with --dp-size {}, --tp-size {} works", groups, one_of(tp_sizes));
}

Status check_size(const char* flag, const std::optional<int32_t>& size) {
  if (size && (*size < 1 || *size > kMaxRanks)) return fail("{} {}: allowed are 1 to {}", flag, *size, kMaxRanks);
  return {};
}

}  // namespace

DpWorldInfo compute_dp_attention_world_info(bool enable_dp_attention, int32_t tp_rank, int32_t tp_size,
                                            int32_t dp_size) {
  CHECK(tp_size >= 1 && tp_rank >= 0 && tp_rank < tp_size, "rank {} of {}", tp_rank, tp_size);
  if (!enable_dp_attention) return {.attn_tp_rank = tp_rank, .attn_tp_size = tp_size, .attn_dp_rank = 0};
  CHECK(dp_size >= 1 && tp_size % dp_size == 0, "{} ranks in {} groups", tp_size, dp_size);
  const int32_t attn_tp_size = tp_size / dp_size;
  return {.attn_tp_rank = tp_rank % attn_tp_size, .attn_tp_size = attn_tp_size, .attn_dp_rank = tp_rank / attn_tp_size};
}

bool should_run_publisher(bool enable_dp_attention, int32_t tp_rank, int32_t tp_size, int32_t dp_size) {
  return compute_dp_attention_world_info(enable_dp_attention, tp_rank, tp_size, dp_size).attn_tp_rank == 0;
}

ParallelLayout without_dp_attention(ParallelLayout layout) {
  if (!layout.enable_dp_attention) return layout;
  layout.enable_dp_attention = false;
  layout.dp_size = 1;
  return layout;
}

RankPlace place_of(const ParallelLayout& layout, int32_t tp_rank) {
  const DpWorldInfo info =
      compute_dp_attention_world_info(layout.enable_dp_attention, tp_rank, layout.tp_size, layout.dp_size);
  return {.tp_rank = tp_rank,
          .tp_size = layout.tp_size,
          .attn_tp_rank = info.attn_tp_rank,
          .attn_tp_size = info.attn_tp_size,
          .attn_dp_rank = info.attn_dp_rank,
          .dp_size = layout.groups_per_world(),
          .moe_parallel = layout.moe_parallel,
          .head_parallel = layout.head_parallel};
}

Result<ParallelLayout> make_layout(const LayoutFlags& flags) {
  TRY_STATUS(check_size("--tp-size", flags.tp_size));
  TRY_STATUS(check_size("--dp-size", flags.dp_size));
  TRY_STATUS(check_size("--attn-tp-size", flags.attn_tp_size));
  ParallelLayout layout{.tp_size = flags.tp_size.value_or(1),
                        .dp_size = flags.dp_size.value_or(1),
                        .enable_dp_attention = flags.enable_dp_attention,
                        .moe_parallel = flags.moe_parallel};
  std::optional<int32_t> asked_attn_tp_size = flags.attn_tp_size;
  if (flags.enable_dp_attention && flags.dp_size && !flags.tp_size && !asked_attn_tp_size) asked_attn_tp_size = 1;
  if (asked_attn_tp_size) {
    const int32_t attn_tp_size = *asked_attn_tp_size;
    if (!flags.dp_size && flags.tp_size) {
      if (layout.tp_size % attn_tp_size != 0) {
        return fail("--tp-size {} is not divisible by --attn-tp-size {}", layout.tp_size, attn_tp_size);
      }
      layout.dp_size = layout.tp_size / attn_tp_size;
    }
    const int64_t tp_size = int64_t{attn_tp_size} * layout.dp_size;
    if (tp_size > kMaxRanks) {
      return fail("--attn-tp-size {} x --dp-size {} is {} ranks: allowed are 1 to {}", attn_tp_size, layout.dp_size,
                  tp_size, kMaxRanks);
    }
    if (flags.tp_size && tp_size != layout.tp_size) {
      return fail("--tp-size {} is not --attn-tp-size {} x --dp-size {}, which is {}: leave one of them out",
                  layout.tp_size, attn_tp_size, layout.dp_size, tp_size);
    }
    layout.tp_size = static_cast<int32_t>(tp_size);
    layout.enable_dp_attention = layout.enable_dp_attention || layout.dp_size > 1;
  }
  if (layout.enable_dp_attention && layout.tp_size % layout.dp_size != 0) {
    const int32_t below = layout.tp_size / layout.dp_size * layout.dp_size;
    const std::string tp_sizes =
        below > 0 ? fmt::format("{} or {}", below, below + layout.dp_size) : std::to_string(layout.dp_size);
    const auto dp_sizes =
        nearest_sizes(layout.dp_size, layout.tp_size, [&](int32_t size) { return layout.tp_size % size == 0; });
    return fail("--tp-size {} is not divisible by --dp-size {}: use --dp-size {}, or --tp-size {}", layout.tp_size,
                layout.dp_size, one_of(dp_sizes), tp_sizes);
  }
  if (int64_t{layout.tp_size} * layout.num_worlds() > kMaxRanks) {
    return fail("--tp-size {} in --dp-size {} replicas is {} ranks: allowed are 1 to {}", layout.tp_size,
                layout.dp_size, int64_t{layout.tp_size} * layout.dp_size, kMaxRanks);
  }
  return layout;
}

Status check_layout(const ParallelLayout& layout, const LayoutModel& model) {
  const int32_t attn_tp_size = layout.attn_tp_size();
  if (!heads_divide(model, attn_tp_size)) {
    const auto sizes = nearest_sizes(attn_tp_size, std::min(model.num_heads, kMaxRanks),
                                     [&](int32_t size) { return heads_divide(model, size); });
    return fail(
        "{} attention heads with {} KV heads are not divisible over the {} ranks of a group (attn_tp_size): "
        "attn_tp_size {} divides them; {}",
        model.num_heads, model.num_kv_heads, attn_tp_size, one_of(sizes), working_sizes(layout, model));
  }
  for (const Sharded& one : sharded_over_all(model, layout.moe_parallel)) {
    if (one.count % layout.tp_size == 0) continue;
    return fail("{}, {}, is not divisible by --tp-size {}: {}", one.name, one.count, layout.tp_size,
                working_sizes(layout, model));
  }
  return {};
}

int32_t kv_heads_per_rank(int32_t num_kv_heads, int32_t attn_tp_size) {
  return std::max(num_kv_heads / attn_tp_size, 1);
}

int32_t kv_head_replicas(int32_t num_kv_heads, int32_t attn_tp_size) {
  return std::max(attn_tp_size / num_kv_heads, 1);
}

std::string kv_replication_note(const ParallelLayout& layout, const LayoutModel& model) {
  const int32_t replicas = kv_head_replicas(model.num_kv_heads, layout.attn_tp_size());
  if (replicas == 1) return {};
  return fmt::format(
      "{} KV heads on {} ranks of a group: each is held by {} ranks, so a token's KV takes {} times the memory; more "
      "DP "
      "groups of fewer ranks would not hold it twice",
      model.num_kv_heads, layout.attn_tp_size(), replicas, replicas);
}

std::string rank_grid(const ParallelLayout& layout) {
  std::string text;
  for (int32_t group = 0; group < layout.num_groups(); ++group) {
    if (group > 0) text += '\n';
    text += fmt::format("group {}: ranks", group);
    const int32_t first = group * layout.attn_tp_size();
    for (int32_t rank = first; rank < first + layout.attn_tp_size(); ++rank) {
      text += fmt::format(" {}{}", rank, rank == first ? "*" : "");
    }
  }
  return text;
}

}  // namespace braid
