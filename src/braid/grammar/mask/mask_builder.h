// Computes the masks of configurations from the masks of their states (LocalMask) and from their contexts. Tested by
// ../grammar_matcher_test.cc and by the tests called MasksAreExact.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/automaton/explorer.h"
#include "braid/grammar/mask/local_mask.h"
#include "braid/grammar/mask/vocabulary.h"

namespace braid::grammar {

// The tokens that may follow: all tokens of `bases`, and `extra`.
struct TokenMask {
  std::vector<std::shared_ptr<const MaskBits>> bases;
  std::vector<TokenId> extra;

  // `mask` has mask_words(vocabulary.size()) words.
  void write(std::span<uint32_t> mask) const;
};

// For one grammar and one vocabulary. Needs the grammar's lock.
class MaskBuilder {
 public:
  MaskBuilder(std::shared_ptr<const Machine> machine, std::shared_ptr<const Vocabulary> vocabulary,
              std::shared_ptr<SharedLocalMasks> shared);

  // An error if the grammar is too ambiguous. The result is valid until the next call.
  Result<const TokenMask*> mask_of(Explorer& explorer, ConfigId config);
  // The tokens that start with a space and may come first in a text that is shown without its first space.
  Result<std::vector<TokenId>> after_space(Explorer& explorer, ConfigId config) const;

  // Call when configurations are renumbered: drops their cached masks.
  void forget_configs() {
    masks_.clear();
    mask_bytes_ = 0;
  }
  // Also drops the masks of the grammar's own states; they are recomputed when needed.
  void forget_states() {
    own_.clear();
    own_bytes_ = 0;
  }
  int64_t memory_bytes() const { return static_cast<int64_t>(heavy_.size() + mask_bytes_ + own_bytes_); }
  // Computes in advance the masks of the states that take longest.
  void warm_up(Explorer& explorer);

 private:
  Result<TokenMask> compute(Explorer& explorer, ConfigId config);
  // By state: the frames of all places at it.
  using Callers = std::map<StateId, std::vector<Frame>>;
  // Of a call: how often its rule must and may still run, or how many more characters it must and may read.
  struct Bounds {
    uint32_t min = 0;
    uint32_t max = 0;
  };
  Callers::iterator first_unknown(Callers& callers) const;
  Status add_walked(Explorer& explorer, ConfigId config, TokenMask& mask) const;
  Status add_heavy(Explorer& explorer, StateId state, std::vector<Frame> frames, TokenMask& mask);
  Status add_local(Explorer& explorer, StateId state, bool loops, std::span<const Bounds> bounds,
                   std::span<const Frame> returns, TokenMask& mask);
  // `nodes` of the trie where a rule has returned, and the configurations after their bytes, by byte.
  Status add_continuations(Explorer& explorer, std::span<const uint32_t> nodes, const std::array<ConfigId, 256>& after,
                           TokenMask& mask) const;
  Status add_many_continuations(Explorer& explorer, std::span<const uint32_t> nodes,
                                const std::array<ConfigId, 256>& after, TokenMask& mask) const;
  bool is_heavy(StateId state);
  // The prepared mask of a state, own or shared with other grammars; null if the grammar is too ambiguous.
  struct FoundMask {
    std::shared_ptr<LocalMask> mask;
    std::shared_ptr<const MaskBits> tokens;
    size_t num_visits = 0;  // LocalMask::prepare()
  };
  FoundMask find_local(Explorer& explorer, StateId state, bool loops, Bounds passes, const ByteSet& exit_bytes);
  size_t make_compact(TokenMask& mask) const;

  // Together with the explorer's memory these bound a grammar's caches.
  static constexpr size_t kMaxMaskBytes = 8 << 20;
  static constexpr size_t kMaxOwnBytes = 16 << 20;

  const std::shared_ptr<const Machine> machine_;
  const std::shared_ptr<const Vocabulary> vocabulary_;
  const std::shared_ptr<SharedLocalMasks> shared_;
  std::vector<int8_t> heavy_;  // by state; -1: unknown
  std::map<std::pair<StateId, bool>, std::shared_ptr<LocalMask>> own_;
  size_t own_bytes_ = 0;
  std::unordered_map<ConfigId, TokenMask> masks_;
  size_t mask_bytes_ = 0;
};

}  // namespace braid::grammar
