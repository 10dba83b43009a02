#include "braid/grammar/mask/local_mask.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/mask/step_table.h"
#include "braid/grammar/mask/walk.h"

namespace braid::grammar {

namespace {

// How many characters, at least and at most, the rule's text still needs to end. More than one pair only in the middle
// of a character, where it is not yet known which one it is.
using Needs = std::vector<std::pair<uint32_t, uint32_t>>;
Needs needs_after(const Explorer& explorer, ConfigId config) {
  Needs all;
  for (const Item& item : explorer.items(config)) {
    all.emplace_back(explorer.fewest_passes(item), explorer.most_passes(item));
  }
  if (!explorer.exits(config).empty()) all.emplace_back(0, 0);
  std::ranges::sort(all);
  Needs joined;
  for (const auto& [min, max] : all) {
    const bool goes_on = !joined.empty() && (joined.back().second == UINT32_MAX || min <= joined.back().second + 1);
    if (goes_on) {
      joined.back().second = std::max(joined.back().second, max);
    } else {
      joined.emplace_back(min, max);
    }
  }
  return joined;
}

}  // namespace

bool LocalMask::prepare(StateId state, Explorer& explorer, const Vocabulary& vocabulary, const ByteSet& exit_bytes) {
  std::unique_lock lock(mutex_);
  const ByteSet missing = exit_bytes & ~known_exits_;
  const bool wants_tokens = !has_tokens_;
  if (!wants_tokens && missing.none()) return true;
  // The walk takes milliseconds. Done without the lock: a compile must not hold up the masks of a step. Two threads may
  // find the same at once, and the first result stays.
  lock.unlock();
  std::vector<std::vector<Exit>> exits(256);
  std::vector<Run> found;
  std::vector<Run> bounded;  // the most passes
  std::vector<Bounded> several;
  const auto add = [&](std::vector<Run>& runs, uint32_t passes, uint32_t node, uint32_t end_node) {
    const uint32_t begin = vocabulary.first_token(node);
    const bool goes_on = !runs.empty() && runs.back().passes == passes && runs.back().end == begin;
    if (!goes_on) runs.push_back({passes, begin, begin});
    runs.back().end = vocabulary.first_token(end_node);
  };
  const bool counts_characters = explorer.machine().states[state].counts_characters;
  std::vector<Needs> known_needs;                                       // by row
  std::vector<uint32_t> num_characters(vocabulary.max_depth() + 1, 0);  // so far, by depth
  StepTable steps(explorer);
  const StepTable::Row bottom = steps.row_of(explorer.bottom_config(state, loops_));
  const auto visit = [&](uint32_t node, StepTable::Row before, StepTable::Row here) {
    const uint8_t byte = vocabulary.nodes()[node].byte;
    const size_t depth = vocabulary.nodes()[node].depth;
    if (steps.facts(before).has_exits && missing.test(byte)) {
      const uint32_t before_it = num_characters[depth - 1];
      for (const uint32_t passes : explorer.exits(steps.facts(before).config)) {
        exits[byte].push_back({node, passes + before_it});
      }
    }
    if (counts_characters) {
      num_characters[depth] = num_characters[depth - 1] + (steps.facts(here).ended_character ? 1 : 0);
    }
    if (here == kDeadConfig) return false;
    if (!counts_characters) {
      // As in a pattern's `[a-z]*`: all that follows leads here again.
      const bool stays = here == before && !steps.facts(here).has_exits &&
                         (vocabulary.kinds_below(node) & ~steps.staying_kinds(here)) == 0;
      if (wants_tokens) {
        add(found, steps.facts(here).fewest_passes, node, stays ? vocabulary.nodes()[node].subtree_end : node + 1);
      }
      return !stays;
    }
    if (!wants_tokens || vocabulary.tokens_at(node).empty()) return true;
    if (known_needs.size() < steps.size()) known_needs.resize(steps.size());
    Needs& needs = known_needs[static_cast<size_t>(here)];
    if (needs.empty()) needs = needs_after(explorer, steps.facts(here).config);
    for (const auto& [least, most] : needs) {
      const uint32_t min = num_characters[depth] + least;
      const uint32_t max = most == UINT32_MAX ? most : num_characters[depth] + most;
      if (needs.size() > 1) {
        for (const TokenId token : vocabulary.tokens_at(node)) several.push_back({max, min, token});
        continue;
      }
      add(found, min, node, node + 1);
      if (max != UINT32_MAX) add(bounded, max, node, node + 1);
    }
    return true;
  };
  if (!walk(steps, vocabulary, whole_trie(vocabulary), bottom, visit)) return false;
  lock.lock();
  for (size_t byte = 0; byte < 256; ++byte) {
    if (known_exits_.test(byte) || exits[byte].empty()) continue;  // or another thread was first
    exits_[byte] = std::move(exits[byte]);
    memory_bytes_ += exits_[byte].capacity() * sizeof(Exit);
  }
  known_exits_ |= missing;
  if (!wants_tokens || has_tokens_) return true;
  num_words_ = mask_words(vocabulary.size());
  keep_sorted(found);
  for (const Run& run : bounded) least_bound_ = std::min(least_bound_, run.passes);
  bounded_ = std::move(bounded);
  several_ = std::move(several);
  has_tokens_ = true;
  memory_bytes_ += (by_passes_.capacity() + bounded_.capacity()) * sizeof(Run) +
                   passes_begin_.capacity() * sizeof(uint32_t) + several_.capacity() * sizeof(Bounded);
  return true;
}

std::span<const TokenId> LocalMask::tokens_of(const Run& run, const Vocabulary& vocabulary) {
  return vocabulary.sorted_tokens().subspan(run.begin, run.end - run.begin);
}

// By counting: there are few different numbers of passes, and up to a run for each token.
void LocalMask::keep_sorted(const std::vector<Run>& found) {
  uint32_t most = 0;
  for (const Run& run : found) most = std::max(most, run.passes);
  passes_begin_.assign(found.empty() ? 1 : most + size_t{2}, 0);
  for (const Run& run : found) ++passes_begin_[run.passes + size_t{1}];
  for (size_t i = 1; i < passes_begin_.size(); ++i) passes_begin_[i] += passes_begin_[i - 1];
  std::vector<uint32_t> next = passes_begin_;
  by_passes_.resize(found.size());
  for (const Run& run : found) by_passes_[next[run.passes]++] = run;
}

size_t LocalMask::memory_bytes() {
  const std::lock_guard lock(mutex_);
  return sizeof(LocalMask) + memory_bytes_;
}

std::shared_ptr<const MaskBits> LocalMask::tokens(uint32_t min_passes, uint32_t max_passes,
                                                  const Vocabulary& vocabulary) {
  const std::lock_guard lock(mutex_);
  auto all = tokens_up_to(max_passes, vocabulary);
  const bool has_too_few = least_bound_ < min_passes;
  if (!has_too_few && several_.empty()) return all;
  auto bits = std::make_shared<MaskBits>(*all);
  for (const Run& run : bounded_) {
    if (run.passes >= min_passes) continue;
    for (const TokenId token : tokens_of(run, vocabulary)) clear_bit(*bits, token);
  }
  for (const Bounded& one : several_) {
    if (one.min <= max_passes && one.max >= min_passes) set_bit(*bits, one.token);
  }
  return bits;
}

std::shared_ptr<const MaskBits> LocalMask::tokens_up_to(uint32_t max_passes, const Vocabulary& vocabulary) {
  const auto num_levels = static_cast<uint32_t>(passes_begin_.size() - 1);
  const uint32_t level = num_levels == 0 ? 0 : std::min(max_passes, num_levels - 1);
  // The last level, which has all tokens, is stored after the others.
  const bool is_last = level + 1 >= num_levels;
  const bool is_kept = is_last || level < kKeptLevels;
  const size_t slot = is_last ? kKeptLevels : level;
  if (levels_.empty()) levels_.resize(kKeptLevels + 1);
  if (is_kept && levels_[slot] != nullptr) return levels_[slot];
  const size_t end = num_levels == 0 ? 0 : passes_begin_[level + 1];
  std::shared_ptr<MaskBits> bits;
  if (!is_last && by_passes_.size() < 2 * end) {  // all except the few longest
    bits = std::make_shared<MaskBits>(*tokens_up_to(UINT32_MAX, vocabulary));
    for (size_t i = end; i < by_passes_.size(); ++i) {
      for (const TokenId token : tokens_of(by_passes_[i], vocabulary)) clear_bit(*bits, token);
    }
  } else {
    bits = std::make_shared<MaskBits>(num_words_, 0);
    for (size_t i = 0; i < end; ++i) {
      for (const TokenId token : tokens_of(by_passes_[i], vocabulary)) set_bit(*bits, token);
    }
  }
  if (is_kept) {
    levels_[slot] = bits;
    memory_bytes_ += num_words_ * sizeof(uint32_t);
  }
  return bits;
}

std::shared_ptr<LocalMask> SharedLocalMasks::find(const std::string& key, uint32_t place, bool loops) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<LocalMask>& mask = masks_[{key, place, loops}];
  if (mask == nullptr) mask = std::make_shared<LocalMask>(loops);
  return mask;
}

}  // namespace braid::grammar
