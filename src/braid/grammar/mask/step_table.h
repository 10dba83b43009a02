// The steps of one walk over the vocabulary in a flat table. A walk over all tokens makes a quarter of a million steps
// among few configurations, so what a known step costs decides how long a mask takes. Tested by
// ../grammar_matcher_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/explorer.h"
#include "braid/grammar/mask/utf8_place.h"
#include "braid/grammar/mask/vocabulary.h"

namespace braid::grammar {

class StepTable {
 public:
  // A configuration as the table numbers it. kDeadConfig and kFailedConfig keep their numbers.
  using Row = ConfigId;
  struct Facts {
    ConfigId config = kDeadConfig;
    uint32_t fewest_passes = UINT32_MAX;  // among its places and its exits
    bool has_exits = false;
    bool ended_character = false;
    std::optional<uint64_t> staying_kinds;
    std::optional<bool> stays_over_characters;
    int times_asked = 0;  // for it
  };

  // `explorer` outlives the table.
  explicit StepTable(Explorer& explorer)
      : explorer_(explorer), byte_class_(explorer.machine().byte_class), width_(explorer.machine().class_byte.size()) {
    for (size_t byte = 0; byte < 256; ++byte) {
      class_kinds_[byte_class_[byte]] |= kind_of_byte(static_cast<uint8_t>(byte));
    }
    row_of(kDeadConfig);
    std::ranges::fill(next_, kDeadConfig);
    row_of(kFailedConfig);
  }

  Row row_of(ConfigId config) {
    const auto [found, is_new] = rows_.try_emplace(config, static_cast<Row>(facts_.size()));
    if (is_new) {
      const auto exits = explorer_.exits(config);
      const uint32_t ended = exits.empty() ? UINT32_MAX : exits.front();
      facts_.push_back({.config = config,
                        .fewest_passes = std::min(explorer_.fewest_passes(config), ended),
                        .has_exits = !exits.empty(),
                        .ended_character = explorer_.ended_character(config),
                        .staying_kinds = std::nullopt});
      next_.resize(facts_.size() * width_, kUnknown);
    }
    return found->second;
  }
  const Facts& facts(Row row) const { return facts_[static_cast<size_t>(row)]; }
  size_t size() const { return facts_.size(); }

  // kFailedConfig if the grammar is too ambiguous.
  Row step(Row from, uint8_t byte) {
    const size_t place = static_cast<size_t>(from) * width_ + byte_class_[byte];
    if (next_[place] == kUnknown) {
      const Row to = row_of(explorer_.step(facts(from).config, byte));
      next_[place] = to;
    }
    return next_[place];
  }

  // True if all that follows below the node leads from the configuration to itself, as in a pattern's `[a-z]*`, and
  // never further than into the middle of a character. `is_middle(row)` says whether such a place is like any other.
  template <typename IsMiddle>
  bool stays_below(const Vocabulary& vocabulary, uint32_t node, Row row, IsMiddle is_middle) {
    const auto nodes = vocabulary.nodes();
    if (nodes[node].subtree_end == node + 1) return false;  // nothing follows
    const uint8_t first = nodes[node + 1].byte;
    if (first < 0x80 && step(row, first) != row) return false;
    const uint64_t kinds = vocabulary.kinds_below(node);
    if ((kinds & ~staying_kinds(row) & ~kHighBytes & ~kNoCharacter) != 0) return false;
    if ((kinds & kHighBytes) == 0) return true;
    return (kinds & kNoCharacter) == 0 && stays_over_characters(row, is_middle);
  }

 private:
  static constexpr Row kUnknown = -1;
  static constexpr uint64_t kHighBytes = kind_of_byte(0x80);

  // The kinds of bytes (kind_of_byte) that lead from a configuration to itself.
  uint64_t staying_kinds(Row row) {
    if (facts(row).staying_kinds) return *facts(row).staying_kinds;
    uint64_t leaving = 0;
    const std::vector<uint8_t>& bytes = explorer_.machine().class_byte;
    for (size_t i = 0; i < width_; ++i) {
      if (step(row, bytes[i]) != row) leaving |= class_kinds_[i];
    }
    facts_[static_cast<size_t>(row)].staying_kinds = ~leaving;
    return ~leaving;
  }

  template <typename IsMiddle>
  bool stays_over_characters(Row row, IsMiddle is_middle) {
    if (!facts(row).stays_over_characters) {
      constexpr int kFewTimes = 32;  // to find out takes as long as some hundred steps
      if (++facts_[static_cast<size_t>(row)].times_asked <= kFewTimes) return false;
      std::vector<std::pair<Row, Utf8Place>> seen;
      const bool stays = leads_back(row, row, Utf8Place::kBetween, is_middle, seen);
      facts_[static_cast<size_t>(row)].stays_over_characters = stays;
    }
    return *facts(row).stays_over_characters;
  }

  // Whether every way to end the character that leads on `from` the place ends in `row`. `seen`: places within it.
  template <typename IsMiddle>
  bool leads_back(Row row, Row from, Utf8Place place, IsMiddle is_middle,
                  std::vector<std::pair<Row, Utf8Place>>& seen) {
    int last_class = -1;
    for (int byte = 0x80; byte < 0x100; ++byte) {
      const Utf8Place next = utf8_place_after(place, static_cast<uint8_t>(byte));
      const int byte_class = byte_class_[static_cast<size_t>(byte)] * kNumUtf8Places + static_cast<int>(next);
      if (next == Utf8Place::kNone || byte_class == last_class) continue;
      last_class = byte_class;
      const Row to = step(from, static_cast<uint8_t>(byte));
      if (next == Utf8Place::kBetween) {
        if (to != row) return false;
        continue;
      }
      if (std::ranges::find(seen, std::pair(to, next)) != seen.end()) continue;
      seen.emplace_back(to, next);
      if (to == kDeadConfig || to == kFailedConfig || !is_middle(to)) return false;
      if (!leads_back(row, to, next, is_middle, seen)) return false;
    }
    return true;
  }

  Explorer& explorer_;
  const std::array<uint8_t, 256> byte_class_;
  const size_t width_;                       // classes of bytes
  std::array<uint64_t, 256> class_kinds_{};  // by class
  std::vector<Row> next_;
  std::vector<Facts> facts_;
  std::unordered_map<ConfigId, Row> rows_;
};

}  // namespace braid::grammar
