#include "braid/grammar/mask/local_mask.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

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
  std::map<uint8_t, std::vector<Exit>> exits;
  std::vector<std::pair<uint32_t, TokenId>> found;  // passes, token
  std::vector<Bounded> bounded;
  std::vector<Bounded> several;
  const bool counts_characters = explorer.machine().states[state].counts_characters;
  std::unordered_map<ConfigId, Needs> known_needs;
  std::vector<uint32_t> num_characters(vocabulary.max_depth() + 1, 0);  // so far, by depth
  const ConfigId bottom = explorer.bottom_config(state, loops_);
  const bool is_found =
      walk(explorer, vocabulary, whole_trie(vocabulary), bottom, [&](uint32_t node, ConfigId before, ConfigId here) {
        const uint8_t byte = vocabulary.nodes()[node].byte;
        const size_t depth = vocabulary.nodes()[node].depth;
        if (missing.test(byte)) {
          const uint32_t before_it = num_characters[depth - 1];
          for (const uint32_t passes : explorer.exits(before)) exits[byte].push_back({node, passes + before_it});
        }
        if (counts_characters) {
          num_characters[depth] = num_characters[depth - 1] + (explorer.ended_character(here) ? 1 : 0);
        }
        if (!wants_tokens || here == kDeadConfig) return;
        const auto tokens = vocabulary.tokens_at(node);
        if (tokens.empty()) return;
        if (!counts_characters) {
          const auto ended = explorer.exits(here);
          const uint32_t passes = std::min(explorer.fewest_passes(here), ended.empty() ? UINT32_MAX : ended.front());
          for (const TokenId token : tokens) found.emplace_back(passes, token);
          return;
        }
        const auto [needs, is_new] = known_needs.try_emplace(here);
        if (is_new) needs->second = needs_after(explorer, here);
        for (const auto& [least, most] : needs->second) {
          const uint32_t min = num_characters[depth] + least;
          const uint32_t max = most == UINT32_MAX ? most : num_characters[depth] + most;
          for (const TokenId token : tokens) {
            const bool is_one_of_several = needs->second.size() > 1;
            if (is_one_of_several) several.push_back({max, min, token});
            if (!is_one_of_several) found.emplace_back(min, token);
            if (!is_one_of_several && max != UINT32_MAX) bounded.push_back({max, min, token});
          }
        }
      });
  if (!is_found) return false;
  lock.lock();
  for (auto& [byte, found_exits] : exits) {
    if (known_exits_.test(byte)) continue;  // another thread was first
    exits_[byte] = std::move(found_exits);
    memory_bytes_ += exits_[byte].capacity() * sizeof(Exit);
  }
  known_exits_ |= missing;
  if (!wants_tokens || has_tokens_) return true;
  // Sorted by passes, by counting: there are few different numbers of them, and up to all tokens.
  num_words_ = mask_words(vocabulary.size());
  uint32_t most = 0;
  for (const auto& [passes, token] : found) most = std::max(most, passes);
  passes_begin_.assign(found.empty() ? 1 : most + size_t{2}, 0);
  for (const auto& [passes, token] : found) ++passes_begin_[passes + size_t{1}];
  for (size_t i = 1; i < passes_begin_.size(); ++i) passes_begin_[i] += passes_begin_[i - 1];
  std::vector<uint32_t> next = passes_begin_;
  by_passes_.resize(found.size());
  for (const auto& [passes, token] : found) by_passes_[next[passes]++] = token;
  std::ranges::sort(bounded, {}, &Bounded::max);
  bounded_ = std::move(bounded);
  several_ = std::move(several);
  has_tokens_ = true;
  memory_bytes_ += by_passes_.capacity() * sizeof(TokenId) + passes_begin_.capacity() * sizeof(uint32_t) +
                   (bounded_.capacity() + several_.capacity()) * sizeof(Bounded);
  return true;
}

size_t LocalMask::memory_bytes() {
  const std::lock_guard lock(mutex_);
  return sizeof(LocalMask) + memory_bytes_;
}

std::shared_ptr<const MaskBits> LocalMask::tokens(uint32_t min_passes, uint32_t max_passes) {
  const std::lock_guard lock(mutex_);
  auto all = tokens_up_to(max_passes);
  const bool has_too_few = !bounded_.empty() && bounded_.front().max < min_passes;
  if (!has_too_few && several_.empty()) return all;
  auto bits = std::make_shared<MaskBits>(*all);
  for (const Bounded& one : bounded_) {
    if (one.max >= min_passes) break;
    clear_bit(*bits, one.token);
  }
  for (const Bounded& one : several_) {
    if (one.min <= max_passes && one.max >= min_passes) set_bit(*bits, one.token);
  }
  return bits;
}

std::shared_ptr<const MaskBits> LocalMask::tokens_up_to(uint32_t max_passes) {
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
    bits = std::make_shared<MaskBits>(*tokens_up_to(UINT32_MAX));
    for (size_t i = end; i < by_passes_.size(); ++i) clear_bit(*bits, by_passes_[i]);
  } else {
    bits = std::make_shared<MaskBits>(num_words_, 0);
    for (size_t i = 0; i < end; ++i) set_bit(*bits, by_passes_[i]);
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
