// Follows a text through a grammar that has arrays of unique items (RuleMark): the automaton and what the arrays hold,
// together. Tested by unique_items_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "braid/grammar/automaton/endless_states.h"
#include "braid/grammar/automaton/explorer.h"
#include "braid/grammar/mask/vocabulary.h"
#include "braid/grammar/unique_items.h"

namespace braid::grammar {

class UniqueItemWalk {
 public:
  // `endless` is about the explorer's machine. Both outlive this object.
  UniqueItemWalk(Explorer& explorer, EndlessStates& endless) : explorer_(explorer), endless_(endless) {}

  // The configuration after the byte, in which no item has ended that equals an earlier one. `items` reads the byte.
  ConfigId step(ConfigId from, uint8_t byte, UniqueItems& items);

  // True unless every text of the item that is begun equals an earlier item: then the output could not go on. (True as
  // well if finding out takes long.)
  bool has_way_out(ConfigId config, const UniqueItems& items);

  // `mask` has the tokens that the automaton allows after `config`. Clears those that repeat an item or leave no way
  // out. False if the grammar is too ambiguous. `at_text_start`: the first space of a token is not shown.
  bool clear_repetitions(const Vocabulary& vocabulary, ConfigId config, const UniqueItems& items, bool at_text_start,
                         std::span<uint32_t> mask);

 private:
  bool opens_unique_array(ConfigId config) const;
  bool is_endless(ConfigId config) const;
  std::optional<bool> is_endless_in_item(StateId state, NodeId node, int& num_visits) const;
  bool allows(ConfigId config, const UniqueItems& items, std::string_view bytes);
  void clear_in_string(const Vocabulary& vocabulary, ConfigId config, const UniqueItems& items,
                       std::span<uint32_t> mask);

  Explorer& explorer_;
  EndlessStates& endless_;
  bool has_failed_ = false;
};

}  // namespace braid::grammar
