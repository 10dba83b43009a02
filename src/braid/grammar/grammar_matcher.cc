#include "braid/grammar/grammar_matcher.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/grammar/grammar_memory.h"

namespace braid {

using grammar::ConfigId;
using grammar::Explorer;

namespace {

// The most work for one token or one mask, because others wait for it. Ordinary grammars need a thousandth of this.
constexpr int64_t kMaxAcceptWork = 1'000'000;
constexpr int64_t kMaxMaskWork = 8'000'000;

}  // namespace

GrammarMatcher::GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar, bool at_text_start)
    : grammar_(std::move(grammar)),
      unique_items_(grammar_->internals_->meter),
      at_text_start_(at_text_start && grammar_->vocabulary_->drops_first_space()) {
  const std::lock_guard lock(grammar_->internals_->mutex);
  memory_ = grammar_->internals_->memory;
  set_config(memory_->explorer.start());
}

void GrammarMatcher::set_config(ConfigId config) {
  config_ = config;
  is_complete_ = memory_->explorer.is_complete(config);
  can_continue_ = memory_->explorer.can_continue(config);
}

void GrammarMatcher::follow_memory() const {
  CompiledGrammar::Internals& internals = *grammar_->internals_;
  internals.renew_memory();
  if (memory_ == internals.memory) return;
  Explorer& explorer = internals.memory->explorer;
  const int64_t num_bytes = explorer.memory_bytes();
  config_ = explorer.copy_from(memory_->explorer, config_);
  memory_ = internals.memory;
  internals.max_copied_bytes = std::max(internals.max_copied_bytes, explorer.memory_bytes() - num_bytes);
}

Status GrammarMatcher::accept(TokenId token) {
  const grammar::Vocabulary& vocabulary = *grammar_->vocabulary_;
  if (token < 0 || token >= vocabulary.size()) {
    return fail("token {} is outside the grammar's vocabulary of {}", token, vocabulary.size());
  }
  std::string_view bytes = vocabulary.bytes(token);
  if (at_text_start_ && bytes.starts_with(' ')) bytes.remove_prefix(1);
  if (bytes.empty()) return fail("token {} has no text that a grammar could allow", token);
  if (auto accepted = accept_bytes(bytes); !accepted.ok()) {
    return fail("token {}: {}", token, accepted.error().message);
  }
  return {};
}

Status GrammarMatcher::accept_bytes(std::string_view bytes) {
  if (bytes.empty()) return {};
  const std::lock_guard lock(grammar_->internals_->mutex);
  follow_memory();
  memory_->explorer.set_work_limit(kMaxAcceptWork);
  const auto walk = grammar_->internals_->unique_item_walk(unique_items_);
  TRY(const grammar::UniqueItemWalk::Place place, place_after(bytes, walk.get()));
  if (walk) walk->keep(place);
  set_config(place.config);
  at_text_start_ = false;
  grammar_->internals_->count_bytes();
  return {};
}

Result<grammar::UniqueItemWalk::Place> GrammarMatcher::place_after(std::string_view bytes,
                                                                   grammar::UniqueItemWalk* walk) const {
  grammar::UniqueItemWalk::Place place{config_, unique_items_.kept()};
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    if (walk != nullptr) {
      place = walk->step(place, byte);
    } else {
      place.config = memory_->explorer.step(place.config, byte);
    }
    if (place.config == grammar::kFailedConfig)
      return fail("the grammar is too ambiguous here: too many ways to read the text");
    if (place.config == grammar::kDeadConfig) {
      return fail("the grammar does not allow byte {:#04x} (number {} of \"{}\") here", byte, i + 1, bytes);
    }
  }
  if (walk != nullptr && !walk->has_way_out(place)) {
    return fail("after \"{}\" an item would equal an earlier one of its array, whatever follows", bytes);
  }
  return place;
}

size_t GrammarMatcher::mask_words() const {
  return grammar::mask_words(grammar_->vocab_size());
}

Status GrammarMatcher::fill_mask(std::span<uint32_t> mask, std::span<const TokenId> end_tokens) const {
  CHECK(mask.size() == mask_words(), "a mask of {} words, not {}", mask.size(), mask_words());
  {
    CompiledGrammar::Internals& internals = *grammar_->internals_;
    const std::lock_guard lock(internals.mutex);
    follow_memory();
    memory_->explorer.set_work_limit(kMaxMaskWork);
    TRY(const grammar::TokenMask* allowed, internals.masks.mask_of(memory_->explorer, config_));
    allowed->write(mask);
    const grammar::Vocabulary& vocabulary = *grammar_->vocabulary_;
    if (at_text_start_) {
      TRY(const auto spaced, internals.masks.after_space(memory_->explorer, config_));
      if (const uint32_t space = vocabulary.child_of_root(' '); space != 0) {
        for (const TokenId token : vocabulary.tokens_below(space)) grammar::clear_bit(mask, token);
      }
      for (const TokenId token : spaced) grammar::set_bit(mask, token);
    }
    const auto walk = internals.unique_item_walk(unique_items_);
    if (walk && !walk->clear_repetitions(vocabulary, config_, at_text_start_, mask)) {
      return fail("the grammar is too ambiguous here: too many ways to read the text so far");
    }
    internals.count_bytes();
  }
  for (const TokenId token : end_tokens) {
    if (token < 0 || token >= grammar_->vocab_size()) continue;
    if (is_complete_) {
      grammar::set_bit(mask, token);
    } else {
      grammar::clear_bit(mask, token);
    }
  }
  if (std::ranges::all_of(mask, [](uint32_t word) { return word == 0; })) {
    return fail("no token of the vocabulary can go on with the grammar's text");
  }
  return {};
}

}  // namespace braid
