// The tokens that may follow at one state of one rule, whoever called the rule: what is the same in all contexts, and
// the places in the vocabulary where the context decides. Computed once for a state; a string's inside is such a state,
// where nearly every token may follow and only the few that close the string depend on what stands around it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "braid/grammar/automaton/explorer.h"
#include "braid/grammar/mask/vocabulary.h"

namespace braid::grammar {

using MaskBits = std::vector<uint32_t>;

class LocalMask {
 public:
  // A place in the trie: the rule has ended before this node's byte, having been passed `passes` times before.
  struct Exit {
    uint32_t node = 0;
    uint32_t passes = 0;
  };

  // `loops`: the rule may start again after its end, as a counted call's does.
  explicit LocalMask(bool loops) : loops_(loops) {}

  // Finds the tokens, and the exits that are followed by one of these bytes, as far as they are not known. `state` is
  // the number that the state has in this explorer's machine. From any thread. False where the grammar is too
  // ambiguous.
  bool prepare(StateId state, Explorer& explorer, const Vocabulary& vocabulary, const ByteSet& exit_bytes);

  // After prepare(): tokens that end within the rule or at its end, after at most `max_passes` passes.
  std::shared_ptr<const MaskBits> tokens(uint32_t max_passes);
  size_t memory_bytes();
  // After prepare() with this byte.
  std::span<const Exit> exits(uint8_t byte) const { return exits_[byte]; }

 private:
  static constexpr uint32_t kKeptLevels = 32;

  const bool loops_;
  std::mutex mutex_;
  bool has_tokens_ = false;
  ByteSet known_exits_;
  std::vector<Exit> exits_[256];
  size_t num_words_ = 0;
  std::vector<TokenId> by_passes_;                       // all tokens, those of fewer passes first
  std::vector<uint32_t> passes_begin_;                   // of each number of passes, and one more
  std::vector<std::shared_ptr<const MaskBits>> levels_;  // [max_passes], as they are asked for
  size_t memory_bytes_ = 0;
};

// Masks of rules that are the same in many grammars (Rule::shared_key), for one vocabulary.
class SharedLocalMasks {
 public:
  // The same for the same rule (by its key), place of the state in the rule, and `loops`.
  std::shared_ptr<LocalMask> find(const std::string& key, uint32_t place, bool loops);

 private:
  std::mutex mutex_;
  std::map<std::tuple<std::string, uint32_t, bool>, std::shared_ptr<LocalMask>> masks_;
};

}  // namespace braid::grammar
