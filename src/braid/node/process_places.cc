#include "braid/node/process_places.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <sstream>
#include <utility>

#include "braid/base/check.h"
#include "braid/worker/kept_memories.h"

namespace braid {

Result<std::vector<std::vector<ProcessPlace>>> place_processes(const ParallelLayout& layout,
                                                               std::span<const int32_t> ranks_on_node,
                                                               int32_t ranks_per_process) {
  const int64_t sum = std::accumulate(ranks_on_node.begin(), ranks_on_node.end(), int64_t{0});
  if (sum != layout.num_ranks()) {
    return fail("the nodes have {} ranks, which is {}: the model needs {}", fmt::join(ranks_on_node, " + "), sum,
                layout.num_ranks());
  }
  const int32_t most = ranks_per_process > 0 ? ranks_per_process : layout.tp_size;
  std::vector<std::vector<ProcessPlace>> worlds(static_cast<size_t>(layout.num_worlds()));
  int32_t rank = 0;  // of all worlds
  for (size_t node = 0; node < ranks_on_node.size(); ++node) {
    for (int32_t left = ranks_on_node[node]; left > 0;) {
      const int32_t left_of_world = layout.tp_size - rank % layout.tp_size;
      const int32_t own = std::min({left, left_of_world, most});
      worlds[static_cast<size_t>(rank / layout.tp_size)].push_back(
          {.node = static_cast<int32_t>(node), .num_ranks = own});
      rank += own;
      left -= own;
    }
  }
  return worlds;
}

std::vector<int32_t> ranks_with_front(std::span<const int32_t> ranks_on_node, int32_t front) {
  std::vector<int32_t> ranks(ranks_on_node.begin(), ranks_on_node.end());
  if (front > 0) ranks.front() += std::exchange(ranks[static_cast<size_t>(front)], 0);
  return ranks;
}

std::vector<int32_t> ranks_on_fewer_nodes(std::span<const int32_t> ranks_on_node, const std::vector<bool>& is_in,
                                          int32_t attn_tp_size) {
  std::vector<int32_t> ranks(ranks_on_node.begin(), ranks_on_node.end());
  const bool has_whole_groups = std::ranges::all_of(ranks, [&](int32_t own) { return own % attn_tp_size == 0; });
  const int32_t part = has_whole_groups ? attn_tp_size : 1;
  int32_t left = 0;
  for (size_t node = 0; node < ranks.size(); ++node) {
    if (!is_in[node]) left += std::exchange(ranks[node], 0);
  }
  for (; left > 0; left -= part) {
    std::optional<size_t> emptiest;
    const auto fullness = [&](size_t node) {
      return static_cast<double>(ranks[node] + part) / static_cast<double>(ranks_on_node[node]);
    };
    for (size_t node = 0; node < ranks.size(); ++node) {
      if (!is_in[node] || ranks_on_node[node] == 0) continue;
      if (!emptiest || fullness(node) < fullness(*emptiest)) emptiest = node;
    }
    CHECK(emptiest.has_value(), "no node is left for {} ranks", left);
    ranks[*emptiest] += part;
  }
  return ranks;
}

std::vector<std::string> kept_memory_names(std::span<const std::vector<ProcessPlace>> worlds, int32_t node) {
  std::vector<std::string> names;
  for (size_t world = 0; world < worlds.size(); ++world) {
    int64_t end = 0;
    for (const ProcessPlace& process : worlds[world]) {
      end += process.num_ranks;
      if (process.node != node) continue;
      for (int64_t rank = end - process.num_ranks; rank < end; ++rank) {
        names.push_back(kept_memory_name(static_cast<int32_t>(world), rank));
        names.push_back(kept_weights_name(static_cast<int32_t>(world), rank));  // processes may get more ranks
      }
    }
  }
  return names;
}

Result<std::vector<int32_t>> parse_counts(std::string_view flag, const std::string& text) {
  const auto refused = [&] { return fail("{} {}: must be numbers from 1 to {}, such as 3,1", flag, text, kMaxRanks); };
  std::vector<int32_t> counts;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    int32_t count = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), count);
    if (error != std::errc() || end != part.data() + part.size() || count < 1 || count > kMaxRanks) {
      return refused();
    }
    counts.push_back(count);
  }
  if (counts.empty() || text.back() == ',') return refused();
  return counts;
}

std::string counts_text(std::span<const ProcessPlace> processes) {
  std::string text;
  for (const ProcessPlace& process : processes) text += fmt::format("{}{}", text.empty() ? "" : ",", process.num_ranks);
  return text;
}

}  // namespace braid
