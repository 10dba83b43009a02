// Tokens by the number of passes (local_mask.h) that they need. Inside a pattern's `[a-z]*` each character is a pass,
// for whole parts of the vocabulary at once: a group holds tokens whose passes and characters differ by the same
// number. Tested by ../grammar_matcher_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/grammar/mask/vocabulary.h"

namespace braid::grammar {

struct TokenGroup {
  static constexpr int64_t kUnbounded = INT64_MAX;
  // Tokens [begin, end) in the order of their bytes.
  struct Run {
    uint32_t begin = 0;
    uint32_t end = 0;
  };

  bool adds_characters = false;  // each character of a token adds one to both numbers
  int64_t least = 0;             // passes
  int64_t most = kUnbounded;     // the passes up to which the rule's text can end after the token
  std::vector<Run> runs = {};

  // Calls visit(token, what the token's characters add to both numbers).
  template <typename Visit>
  void for_each(const Vocabulary& vocabulary, Visit visit) const {
    const auto tokens = vocabulary.sorted_tokens();
    const auto lengths = vocabulary.sorted_lengths();
    for (const Run& run : runs) {
      for (uint32_t i = run.begin; i < run.end; ++i) visit(tokens[i], adds_characters ? int64_t{lengths[i]} : 0);
    }
  }
};

// Collects groups. Tokens must come in the order of their bytes.
class TokenGroups {
 public:
  void add(const TokenGroup& like, uint32_t begin, uint32_t end) {
    if (begin == end) return;
    std::vector<TokenGroup::Run>& runs = group(like).runs;
    if (!runs.empty() && runs.back().end == begin) {
      runs.back().end = end;
    } else {
      runs.push_back({begin, end});
    }
  }
  std::vector<TokenGroup> take() { return std::move(groups_); }

 private:
  static bool is_same(const TokenGroup& a, const TokenGroup& b) {
    return a.least == b.least && a.most == b.most && a.adds_characters == b.adds_characters;
  }
  static uint64_t key_of(const TokenGroup& group) {
    return (static_cast<uint64_t>(group.most) << 24) ^ (static_cast<uint64_t>(group.least) << 1) ^
           (group.adds_characters ? 1U : 0U);
  }

  TokenGroup& group(const TokenGroup& like) {
    const uint64_t key = key_of(like);
    size_t& recent = recent_[(key ^ (key >> 24)) % recent_.size()];
    if (recent < groups_.size() && is_same(groups_[recent], like)) return groups_[recent];
    const auto [first, end] = numbers_.equal_range(key);
    for (auto found = first; found != end; ++found) {
      recent = found->second;
      if (is_same(groups_[recent], like)) return groups_[recent];
    }
    recent = groups_.size();
    numbers_.emplace(key, recent);
    groups_.push_back(like);
    return groups_.back();
  }

  std::vector<TokenGroup> groups_;
  std::unordered_multimap<uint64_t, size_t> numbers_;
  std::array<size_t, 64> recent_{};  // found lately: neighbouring tokens are often of a few groups
};

}  // namespace braid::grammar
