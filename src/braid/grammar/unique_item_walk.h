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
  // A place in the text, for both.
  struct Place {
    ConfigId config = kDeadConfig;
    UniqueItems::Cursor items;
  };

  // `endless` is about the explorer's machine. All outlive this object. What is read and not kept is dropped when this
  // object ends.
  UniqueItemWalk(Explorer& explorer, EndlessStates& endless, UniqueItems& items)
      : explorer_(explorer), endless_(endless), items_(items) {}
  ~UniqueItemWalk() { items_.drop(); }
  UniqueItemWalk(const UniqueItemWalk&) = delete;
  UniqueItemWalk& operator=(const UniqueItemWalk&) = delete;

  // Where the kept text ends.
  Place start(ConfigId config) const { return {config, items_.kept()}; }
  // The place after the byte, if no item ends there that equals an earlier one.
  Place step(const Place& from, uint8_t byte);
  // Keeps the text up to the place.
  void keep(const Place& place) { items_.keep(place.items); }

  // True unless every text of the item that is begun equals an earlier item: then the output could not go on. (True as
  // well if finding out takes long.)
  bool has_way_out(const Place& place);

  // `mask` has the tokens that the automaton allows after `config`, where the kept text ends. Clears those that repeat
  // an item or leave no way out. False if the grammar is too ambiguous. `at_text_start`: the first space of a token is
  // not shown.
  bool clear_repetitions(const Vocabulary& vocabulary, ConfigId config, bool at_text_start, std::span<uint32_t> mask);

 private:
  class TokenPath;

  bool opens_unique_array(ConfigId config) const;
  bool is_endless(ConfigId config) const;
  std::optional<bool> is_endless_in_item(StateId state, NodeId node, int& num_visits) const;
  bool is_safe(const Place& place) const;
  void clear_in_string(const Vocabulary& vocabulary, const Place& from, std::span<uint32_t> mask);
  void clear_between(const Vocabulary& vocabulary, const Place& from, std::span<uint32_t> mask);

  Explorer& explorer_;
  EndlessStates& endless_;
  UniqueItems& items_;
  bool has_failed_ = false;
};

}  // namespace braid::grammar
