#include "braid/api/weight_log.h"

#include <fmt/format.h>

#include <algorithm>

namespace braid {

std::string damage_text(const RankWeights& weights) {
  std::string text;
  int64_t num_listed = 0;
  for (const RankWeights::Damaged& damaged : weights.damaged) {
    text += fmt::format("{}{} ({} page{})", text.empty() ? "" : "; ", damaged.tensors, damaged.num_bad_pages,
                        damaged.num_bad_pages == 1 ? "" : "s");
    num_listed += damaged.num_bad_pages;
  }
  const int64_t num_more = weights.num_bad_pages - num_listed;
  return num_more > 0 ? text + fmt::format("; {} more", num_more) : text;
}

void log_weights(const WeightReport& report, Logger& log) {
  for (const RankStatus& rank : report.ranks) {
    if (rank.weights.num_bad_pages == 0) continue;
    const auto node = std::ranges::find(report.nodes, rank.node, &NodeStatus::node);
    log.error(
        "rank {} (group {}, node {} on {}, pid {}): {} of {} pages of its weights are not what was loaded, so that it "
        "computes wrong answers until its process starts again: {}",
        rank.rank, rank.group, rank.node, node == report.nodes.end() ? "?" : node->host, rank.pid,
        rank.weights.num_bad_pages, rank.weights.num_pages, damage_text(rank.weights));
  }
  for (const std::string& unchecked : report.unchecked) log.warn("weights were not checked: {}", unchecked);
  if (report.num_bad_pages == 0 && report.unchecked.empty()) {
    log.info("the weights of {} ranks are what was loaded: {} pages", report.ranks.size(), report.num_pages);
  }
}

}  // namespace braid
