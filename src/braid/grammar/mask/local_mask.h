// The tokens that may follow at one state of one rule, independent of the rule's callers: the tokens allowed in all
// contexts, and the places in the vocabulary where the context decides. Computed once for each state. Example: inside a
// string nearly every token may follow; only the few that close it depend on the context. Tested by
// ../grammar_matcher_test.cc and by the tests called MasksAreExact.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/explorer.h"
#include "braid/grammar/mask/token_groups.h"
#include "braid/grammar/mask/vocabulary.h"

namespace braid::grammar {

using MaskBits = std::vector<uint32_t>;

class LocalMask {
 public:
  // A place in the trie where the rule ended before this node's byte, after `passes` earlier passes; or as many
  // characters, if the rule counts them.
  struct Exit {
    uint32_t node = 0;
    uint32_t passes = 0;
  };

  // `loops`: the rule may start again after its end, as in a counted call.
  explicit LocalMask(bool loops) : loops_(loops) {}

  // Computes the tokens, and the exits followed by one of `exit_bytes`, unless they are known. `state` is the state's
  // number in the explorer's machine. Callable from any thread. Returns the nodes of the vocabulary's trie that it had
  // to visit; nothing if the grammar is too ambiguous.
  std::optional<size_t> prepare(StateId state, Explorer& explorer, const Vocabulary& vocabulary,
                                const ByteSet& exit_bytes);

  // After prepare(): tokens that end within the rule or at its end, after at most `max_passes` passes; if the rule
  // counts characters, tokens after which its text can end with `min_passes` to `max_passes` of them.
  std::shared_ptr<const MaskBits> tokens(uint32_t min_passes, uint32_t max_passes, const Vocabulary& vocabulary);
  size_t memory_bytes();
  // After prepare() with this byte.
  std::span<const Exit> exits(uint8_t byte) const { return exits_[byte]; }

 private:
  // These need the lock.
  std::shared_ptr<const MaskBits> tokens_up_to(uint32_t max_passes, const Vocabulary& vocabulary);
  std::shared_ptr<MaskBits> find_level(int64_t max_passes, const Vocabulary& vocabulary) const;
  std::shared_ptr<const MaskBits> all_but_longest(uint32_t max_passes, const Vocabulary& vocabulary);

  static constexpr uint32_t kKeptLevels = 32;

  const bool loops_;
  std::mutex mutex_;
  bool has_tokens_ = false;
  ByteSet known_exits_;
  std::vector<Exit> exits_[256];
  std::vector<TokenGroup> groups_;
  // In a rule that counts characters: tokens with several bounds.
  struct Bounded {
    uint32_t max = 0;
    uint32_t min = 0;
    TokenId token = 0;
  };
  std::vector<Bounded> several_;                  // one of the bounds must hold; no group has the token
  int64_t most_passes_ = 0;                       // no token of the groups needs more
  int64_t least_bound_ = TokenGroup::kUnbounded;  // of the groups' tokens
  // Computed on demand.
  std::shared_ptr<const MaskBits> all_;                  // of the groups
  std::vector<std::shared_ptr<const MaskBits>> levels_;  // [max_passes]
  struct LongToken {
    int64_t passes = 0;
    TokenId token = 0;
  };
  std::optional<std::vector<LongToken>> longest_;  // that need kKeptLevels passes or more, those that need most first
  size_t memory_bytes_ = 0;
};

// Masks of rules that many grammars share (Rule::shared_key), for one vocabulary.
class SharedLocalMasks {
 public:
  // Returns the same mask for the same rule (by key), place of the state in the rule, and `loops`.
  std::shared_ptr<LocalMask> find(const std::string& key, uint32_t place, bool loops);

 private:
  std::mutex mutex_;
  std::map<std::tuple<std::string, uint32_t, bool>, std::shared_ptr<LocalMask>> masks_;
};

}  // namespace braid::grammar
