#include "braid/grammar/mask/local_mask.h"

#include <algorithm>
#include <functional>
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

std::optional<size_t> LocalMask::prepare(StateId state, Explorer& explorer, const Vocabulary& vocabulary,
                                         const ByteSet& exit_bytes) {
  std::unique_lock lock(mutex_);
  const ByteSet missing = exit_bytes & ~known_exits_;
  const bool wants_tokens = !has_tokens_;
  if (!wants_tokens && missing.none()) return 0;
  // The walk takes milliseconds. Done without the lock: a compile must not hold up the masks of a step. Two threads may
  // find the same at once, and the first result stays.
  lock.unlock();
  std::vector<std::vector<Exit>> exits(256);
  TokenGroups found;
  std::vector<Bounded> several;
  const bool counts_characters = explorer.machine().states[state].counts_characters;
  std::vector<Needs> known_needs;                                       // by row
  std::vector<uint32_t> num_characters(vocabulary.max_depth() + 1, 0);  // so far, by depth
  StepTable steps(explorer);
  const StepTable::Row bottom = steps.row_of(explorer.bottom_config(state, loops_));
  uint64_t missing_kinds = 0;
  for (size_t byte = 0; byte < 256; ++byte) {
    if (missing.test(byte)) missing_kinds |= kind_of_byte(static_cast<uint8_t>(byte));
  }
  const auto nodes = vocabulary.nodes();
  size_t num_visits = 0;
  const auto visit = [&](uint32_t node, StepTable::Row before, StepTable::Row here) {
    ++num_visits;
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
    const bool has_exits_below = steps.facts(here).has_exits && (vocabulary.kinds_below(node) & missing_kinds) != 0;
    // In the middle of a character there is no exit, and what a text still needs is as before, but for that character.
    const auto is_middle = [&](StepTable::Row middle) {
      if (steps.facts(middle).has_exits) return false;
      if (!counts_characters) return steps.facts(middle).fewest_passes == steps.facts(here).fewest_passes;
      const Needs needs = needs_after(explorer, steps.facts(here).config);
      const Needs longer = needs_after(explorer, steps.facts(middle).config);
      const auto is_one_more = [](uint32_t more, uint32_t than) {
        return more == (than == UINT32_MAX ? than : than + 1);
      };
      return steps.facts(here).ended_character && !steps.facts(middle).ended_character && needs.size() == 1 &&
             longer.size() == 1 && is_one_more(longer[0].first, needs[0].first) &&
             is_one_more(longer[0].second, needs[0].second);
    };
    const bool stays = !has_exits_below && steps.stays_below(vocabulary, node, here, is_middle);
    if (!wants_tokens) return !stays;
    const uint32_t end = stays ? nodes[node].subtree_end : node + 1;
    const uint32_t first_token = vocabulary.first_token(node);
    const uint32_t end_token = vocabulary.first_token(end);
    if (!counts_characters) {
      found.add({.least = steps.facts(here).fewest_passes}, first_token, end_token);
      return !stays;
    }
    if (known_needs.size() < steps.size()) known_needs.resize(steps.size());
    Needs& needs = known_needs[static_cast<size_t>(here)];
    if (needs.empty()) needs = needs_after(explorer, steps.facts(here).config);
    // Where a walk stays, each character counts, or none does.
    const bool counts_more = !stays || steps.facts(here).ended_character;
    const int64_t num_before = int64_t{num_characters[depth]} - (counts_more ? nodes[node].num_begun : 0);
    if (needs.size() == 1) {
      const auto [least, most] = needs[0];
      found.add({.adds_characters = counts_more,
                 .least = num_before + least,
                 .most = most == UINT32_MAX ? TokenGroup::kUnbounded : num_before + most},
                first_token, end_token);
      return !stays;
    }
    for (uint32_t i = first_token; i < end_token; ++i) {
      const auto num_passed = static_cast<uint32_t>(num_before + (counts_more ? vocabulary.sorted_lengths()[i] : 0));
      for (const auto& [least, most] : needs) {
        const uint32_t max = most == UINT32_MAX ? most : num_passed + most;
        several.push_back({max, num_passed + least, vocabulary.sorted_tokens()[i]});
      }
    }
    return !stays;
  };
  if (!walk(steps, vocabulary, whole_trie(vocabulary), bottom, visit)) return std::nullopt;
  lock.lock();
  for (size_t byte = 0; byte < 256; ++byte) {
    if (known_exits_.test(byte) || exits[byte].empty()) continue;  // or another thread was first
    exits_[byte] = std::move(exits[byte]);
    memory_bytes_ += exits_[byte].capacity() * sizeof(Exit);
  }
  known_exits_ |= missing;
  if (!wants_tokens || has_tokens_) return num_visits;
  groups_ = found.take();
  several_ = std::move(several);
  has_tokens_ = true;
  int64_t longest = 0;
  for (const uint16_t length : vocabulary.sorted_lengths()) longest = std::max(longest, int64_t{length});
  for (const TokenGroup& group : groups_) {
    most_passes_ = std::max(most_passes_, group.least + (group.adds_characters ? longest : 0));
    memory_bytes_ += sizeof(TokenGroup) + group.runs.capacity() * sizeof(TokenGroup::Run);
    if (group.most == TokenGroup::kUnbounded) continue;
    group.for_each(vocabulary,
                   [&](TokenId, int64_t more) { least_bound_ = std::min(least_bound_, group.most + more); });
  }
  memory_bytes_ += several_.capacity() * sizeof(Bounded);
  return num_visits;
}

size_t LocalMask::memory_bytes() {
  const std::lock_guard lock(mutex_);
  return sizeof(LocalMask) + memory_bytes_;
}

std::shared_ptr<const MaskBits> LocalMask::tokens(uint32_t min_passes, uint32_t max_passes,
                                                  const Vocabulary& vocabulary) {
  const std::lock_guard lock(mutex_);
  auto up_to_max = tokens_up_to(max_passes, vocabulary);
  const bool has_too_few = least_bound_ < min_passes;
  if (!has_too_few && several_.empty()) return up_to_max;
  auto bits = std::make_shared<MaskBits>(*up_to_max);
  for (const TokenGroup& group : groups_) {
    if (group.most == TokenGroup::kUnbounded) continue;
    group.for_each(vocabulary, [&](TokenId token, int64_t more) {
      if (group.most + more < min_passes) clear_bit(*bits, token);
    });
  }
  for (const Bounded& one : several_) {
    if (one.min <= max_passes && one.max >= min_passes) set_bit(*bits, one.token);
  }
  return bits;
}

std::shared_ptr<const MaskBits> LocalMask::tokens_up_to(uint32_t max_passes, const Vocabulary& vocabulary) {
  const size_t num_bytes = mask_words(vocabulary.size()) * sizeof(uint32_t);
  if (max_passes < kKeptLevels && max_passes < most_passes_) {
    if (levels_.empty()) levels_.resize(kKeptLevels);
    std::shared_ptr<const MaskBits>& level = levels_[max_passes];
    if (level == nullptr) {
      level = find_level(max_passes, vocabulary);
      memory_bytes_ += num_bytes;
    }
    return level;
  }
  if (all_ == nullptr) {
    all_ = find_level(most_passes_, vocabulary);
    memory_bytes_ += num_bytes;
  }
  return max_passes < most_passes_ ? all_but_longest(max_passes, vocabulary) : all_;
}

std::shared_ptr<MaskBits> LocalMask::find_level(int64_t max_passes, const Vocabulary& vocabulary) const {
  auto bits = std::make_shared<MaskBits>(mask_words(vocabulary.size()), 0);
  for (const TokenGroup& group : groups_) {
    group.for_each(vocabulary, [&](TokenId token, int64_t more) {
      if (group.least + more <= max_passes) set_bit(*bits, token);
    });
  }
  return bits;
}

// Near a text's end each step has a level of its own. Few tokens are so long.
std::shared_ptr<const MaskBits> LocalMask::all_but_longest(uint32_t max_passes, const Vocabulary& vocabulary) {
  constexpr size_t kMany = 16'384;  // takes longer to sort than a level to find
  if (!longest_) {
    longest_.emplace();
    for (const TokenGroup& group : groups_) {
      group.for_each(vocabulary, [&](TokenId token, int64_t more) {
        if (longest_->size() <= kMany && group.least + more >= kKeptLevels) {
          longest_->push_back({group.least + more, token});
        }
      });
    }
    std::ranges::sort(*longest_, std::greater<>(), &LongToken::passes);
    memory_bytes_ += longest_->capacity() * sizeof(LongToken);
  }
  if (longest_->empty() || longest_->front().passes <= max_passes) return all_;
  if (longest_->size() > kMany) return find_level(max_passes, vocabulary);
  auto bits = std::make_shared<MaskBits>(*all_);
  for (const LongToken& one : *longest_) {
    if (one.passes <= max_passes) break;
    clear_bit(*bits, one.token);
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
