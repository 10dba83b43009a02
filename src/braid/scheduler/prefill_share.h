// A step's share for short prompts. Prompts are computed in turn: by priority, then by arrival. Behind a long prompt a
// short one would wait for all of it. So a shorter prompt of the same priority may compute some tokens before its turn.
// Each is paid for with tokens that were computed in turn, and few can be saved up. So a long prompt is delayed by
// little more than one in `price` of its tokens, however many short ones come. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace braid {

class PrefillShare {
 public:
  // `price`: how many tokens in turn pay for one ahead of it; 0: none is ever computed ahead. The tokens saved up are
  // at most half of `chunk_size`, and as many at the start.
  PrefillShare(int32_t chunk_size, int32_t price);

  struct Prefill {
    int32_t priority = 0;
    int64_t num_uncomputed = 0;
    bool may_overtake = true;
  };
  // How many of the next step's tokens each prefill may compute before its turn; `in_turn`: in their order. Shortest
  // first. The first prefill that this step does not complete keeps one token at least, and those before it all theirs.
  // What is set aside counts as spent.
  std::vector<int64_t> set_aside(std::span<const Prefill> in_turn);
  // A step has computed so many tokens in turn.
  void earn(int64_t num_tokens);

 private:
  int64_t most_saved() const { return int64_t{chunk_size_ / 2} * price_; }

  const int32_t chunk_size_;
  const int32_t price_;
  int64_t saved_;  // tokens in turn that nothing was bought for yet
};

}  // namespace braid
