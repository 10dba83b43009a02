#include "braid/node/elastic_nodes.h"

#include <algorithm>
#include <utility>

namespace braid {

ElasticNodes::ElasticNodes(std::vector<bool> has_ranks, double after_s) : after_s_(after_s), nodes_(has_ranks.size()) {
  for (size_t node = 0; node < nodes_.size(); ++node) nodes_[node].has_ranks = has_ranks[node];
  nodes_.front().is_there = true;
}

void ElasticNodes::come(int32_t node, double now_s) {
  Node& own = nodes_.at(static_cast<size_t>(node));
  own.is_there = true;
  own.is_told = false;
  own.came_s = now_s;
  own.due_s = now_s + own.delay_s;
  retry_at_s_ = kNever;
}

void ElasticNodes::go(int32_t node, bool is_told, double now_s) {
  Node& own = nodes_.at(static_cast<size_t>(node));
  if (is_new(own) || now_s < own.back_s + kCalm_s) {
    put_off(own, now_s);
  } else {
    own.delay_s = 0;
  }
  own.is_there = false;
  own.is_told = is_told;
  own.went_s = now_s;
}

void ElasticNodes::put_off(Node& node, double now_s) const {
  node.delay_s = std::clamp(2 * node.delay_s, kFirstDelay_s, kMaxDelay_s);
  node.due_s = now_s + node.delay_s;
}

ElasticNodes::Plan ElasticNodes::plan(double now_s, const std::vector<bool>& quiet) const {
  Plan plan{.nodes = std::vector<bool>(nodes_.size()), .awaited = {}, .until_s = now_s};
  bool waits = now_s < retry_at_s_;
  if (waits) plan.until_s = retry_at_s_;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (!node.has_ranks) continue;
    double until_s = now_s;
    if (!node.is_there) {
      until_s = node.is_told ? now_s : node.went_s + after_s_;
      if (!has_run_) until_s = std::numeric_limits<double>::infinity();
    } else if (quiet[i]) {
      until_s = std::numeric_limits<double>::infinity();  // until it speaks, or is gone
    } else {
      plan.nodes[i] = now_s >= node.due_s;
    }
    if (until_s <= now_s) continue;
    waits = true;
    plan.awaited.push_back(static_cast<int32_t>(i));
    plan.until_s = std::max(plan.until_s, until_s);
  }
  if (waits) plan.nodes.clear();
  return plan;
}

void ElasticNodes::start(const std::vector<bool>& nodes) {
  for (size_t i = 0; i < nodes_.size(); ++i) nodes_[i].is_in = nodes[i];
}

void ElasticNodes::run(double now_s) {
  for (Node& node : nodes_) {
    if (is_new(node)) node.back_s = now_s;
    if (node.is_in) node.ran_s = now_s;
  }
  has_run_ = true;
  retry_s_ = kFirstRetry_s;
  retry_at_s_ = kNever;
}

bool ElasticNodes::fail_start(double now_s, const std::vector<bool>& quiet) {
  if (!has_run_) return false;
  bool is_of_nodes = false;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (!node.has_ranks || !node.is_in) continue;
    if (!node.is_there || quiet[i]) {
      is_of_nodes = true;
    } else if (is_new(node)) {
      put_off(node, now_s);
      is_of_nodes = true;
    }
  }
  if (is_of_nodes) return true;
  if (!is_smaller()) return false;
  retry_at_s_ = now_s + retry_s_;
  retry_s_ = std::min(2 * retry_s_, kMaxRetry_s);
  return true;
}

std::vector<int32_t> ElasticNodes::due_back(double now_s) const {
  std::vector<int32_t> due;
  for (const int32_t node : left_out()) {
    if (nodes_[static_cast<size_t>(node)].is_there && now_s >= due_back_s(node)) due.push_back(node);
  }
  return due;
}

double ElasticNodes::due_back_s(int32_t node) const {
  const Node& own = nodes_.at(static_cast<size_t>(node));
  return std::max(own.due_s, own.came_s + kReturn_s);
}

std::vector<int32_t> ElasticNodes::left_out() const {
  std::vector<int32_t> left_out;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].has_ranks && !nodes_[i].is_in) left_out.push_back(static_cast<int32_t>(i));
  }
  return left_out;
}

}  // namespace braid
