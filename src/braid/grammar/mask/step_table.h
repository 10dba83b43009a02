// The steps of one walk over the vocabulary in a flat table. A walk over all tokens makes a quarter of a million steps
// among few configurations, so what a known step costs decides how long a mask takes. Tested by
// ../grammar_matcher_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "braid/grammar/automaton/explorer.h"
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
  };

  // `explorer` outlives the table.
  explicit StepTable(Explorer& explorer)
      : explorer_(explorer), byte_class_(explorer.machine().byte_class), width_(explorer.machine().class_byte.size()) {
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

  // The kinds of bytes (kind_of_byte) that lead from a configuration to itself.
  uint64_t staying_kinds(Row row) {
    if (facts(row).staying_kinds) return *facts(row).staying_kinds;
    uint64_t leaving = 0;
    for (size_t byte = 0; byte < 256; ++byte) {
      if (step(row, static_cast<uint8_t>(byte)) != row) leaving |= kind_of_byte(static_cast<uint8_t>(byte));
    }
    facts_[static_cast<size_t>(row)].staying_kinds = ~leaving;
    return ~leaving;
  }

 private:
  static constexpr Row kUnknown = -1;

  Explorer& explorer_;
  const std::array<uint8_t, 256> byte_class_;
  const size_t width_;  // classes of bytes
  std::vector<Row> next_;
  std::vector<Facts> facts_;
  std::unordered_map<ConfigId, Row> rows_;
};

}  // namespace braid::grammar
