#include "braid/scheduler/prefill_share.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {

PrefillShare::PrefillShare(int32_t chunk_size, int32_t price, int32_t positions_of_a_token)
    : chunk_size_(chunk_size), price_(price), positions_of_a_token_(positions_of_a_token), saved_(most_saved()) {
  CHECK(chunk_size >= 1 && price >= 0 && positions_of_a_token >= 1);
}

std::vector<int64_t> PrefillShare::set_aside(std::span<const Prefill> in_turn) {
  std::vector<int64_t> tokens(in_turn.size(), 0);
  // The first prefill that this step does not complete.
  size_t first = 0;
  int64_t left = chunk_size_;
  while (first < in_turn.size() && in_turn[first].num_uncomputed <= left) left -= in_turn[first++].num_uncomputed;
  if (price_ == 0 || first == in_turn.size()) return tokens;
  std::vector<size_t> shorter;
  for (size_t i = first + 1; i < in_turn.size(); ++i) {
    if (in_turn[i].priority != in_turn[first].priority) break;
    if (in_turn[i].may_overtake && in_turn[i].num_uncomputed < in_turn[first].num_uncomputed) shorter.push_back(i);
  }
  std::ranges::stable_sort(shorter, {}, [&](size_t i) { return in_turn[i].num_uncomputed; });
  left = std::min(left - 1, saved_ / price_);
  for (const size_t i : shorter) {
    if (left <= 0) break;
    tokens[i] = std::min(left, in_turn[i].num_uncomputed);
    left -= tokens[i];
    saved_ -= tokens[i] * price_;
  }
  return tokens;
}

void PrefillShare::earn(int64_t num_before, int64_t num_tokens) {
  const int64_t work = num_tokens + num_tokens * (num_before + num_tokens / 2) / positions_of_a_token_;
  saved_ = std::min(most_saved(), saved_ + work);
}

}  // namespace braid
