// A step's share for short prompts. Prompts are computed in turn: by priority, then by arrival. Behind a long prompt a
// short one would wait for all of it. So a shorter prompt of the same priority may compute some tokens before its turn.
// Each is paid for with work that was done in turn, and little can be saved up. So a long prompt is delayed by little
// more than one in `price` of its own work, however many short ones come. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace braid {

class PrefillShare {
 public:
  // `price`: the work in turn, in tokens, that pays for one token ahead of it; 0: none is ever computed ahead. What is
  // saved up pays for at most half of `chunk_size`, and for as much at the start. `positions_of_a_token`: attention to
  // so many positions is as much work as the rest of a token.
  PrefillShare(int32_t chunk_size, int32_t price, int32_t positions_of_a_token);

  struct Prefill {
    int32_t priority = 0;
    int64_t num_uncomputed = 0;
    bool may_overtake = true;
  };
  // How many of the next step's tokens each prefill may compute before its turn; `in_turn`: in their order. Shortest
  // first. The first prefill that this step does not complete keeps one token at least, and those before it all theirs.
  // What is set aside counts as spent.
  std::vector<int64_t> set_aside(std::span<const Prefill> in_turn);
  // A step has computed `num_tokens` in turn, of a prompt of which `num_before` tokens were computed before.
  void earn(int64_t num_before, int64_t num_tokens);

 private:
  int64_t most_saved() const { return int64_t{chunk_size_ / 2} * price_; }

  const int32_t chunk_size_;
  const int32_t price_;
  const int32_t positions_of_a_token_;
  int64_t saved_;  // work in turn that nothing was bought for yet
};

}  // namespace braid
