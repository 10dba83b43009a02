#include "braid/worker/move_room.h"

#include <algorithm>
#include <span>

namespace braid {
namespace {

constexpr double kNewest = 0.25;  // the weight of the last step's time of a page

}  // namespace

int32_t MoveRoom::pages() const {
  if (is_idle_ || page_s_ == 0) return config_.max_pages;
  if (page_s_ < 0) return config_.piece_pages;
  constexpr double kRounding = 1e-6;
  return static_cast<int32_t>(std::clamp(credit_s_ / page_s_ + kRounding, 0.0, static_cast<double>(config_.max_pages)));
}

double MoveRoom::shortest_s() const {
  return std::ranges::min(std::span(last_s_).first(std::min(num_steps_, last_s_.size())));
}

void MoveRoom::see_step(int64_t longest_tokens) {
  is_idle_ = longest_tokens == 0;
  if (num_steps_ == 0) return;
  const double own_s = kShareOfStep * shortest_s();
  const double piece_s = std::max(page_s_, 0.0) * static_cast<double>(config_.piece_pages);
  // More than a piece, or what is over when one is due would be lost.
  credit_s_ = std::clamp(credit_s_ + own_s, -piece_s, std::max(own_s, 1.25 * piece_s));
}

void MoveRoom::count_step(double step_s, double move_s, int64_t num_pages) {
  if (is_idle_) return;
  last_s_[num_steps_++ % last_s_.size()] = std::max(step_s - move_s, 0.0);
  if (num_pages == 0) return;
  const double page_s = move_s / static_cast<double>(num_pages);
  page_s_ = page_s_ < 0 ? page_s : page_s_ + kNewest * (page_s - page_s_);
  credit_s_ -= move_s;
}

}  // namespace braid
