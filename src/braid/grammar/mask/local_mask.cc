#include "braid/grammar/mask/local_mask.h"

#include <algorithm>
#include <map>
#include <utility>

#include "braid/grammar/mask/walk.h"

namespace braid::grammar {

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
  const ConfigId bottom = explorer.bottom_config(state, loops_);
  const bool is_found =
      walk(explorer, vocabulary, whole_trie(vocabulary), bottom, [&](uint32_t node, ConfigId before, ConfigId here) {
        const uint8_t byte = vocabulary.nodes()[node].byte;
        if (missing.test(byte)) {
          for (const uint32_t passes : explorer.exits(before)) exits[byte].push_back({node, passes});
        }
        if (!wants_tokens || here == kDeadConfig) return;
        const auto ended = explorer.exits(here);
        const uint32_t passes = std::min(explorer.fewest_passes(here), ended.empty() ? UINT32_MAX : ended.front());
        for (const TokenId token : vocabulary.tokens_at(node)) found.emplace_back(passes, token);
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
  has_tokens_ = true;
  memory_bytes_ += by_passes_.capacity() * sizeof(TokenId) + passes_begin_.capacity() * sizeof(uint32_t);
  return true;
}

size_t LocalMask::memory_bytes() {
  const std::lock_guard lock(mutex_);
  return sizeof(LocalMask) + memory_bytes_;
}

std::shared_ptr<const MaskBits> LocalMask::tokens(uint32_t max_passes) {
  const std::lock_guard lock(mutex_);
  const auto num_levels = static_cast<uint32_t>(passes_begin_.size() - 1);
  const uint32_t level = num_levels == 0 ? 0 : std::min(max_passes, num_levels - 1);
  // The last level, which has all tokens, is stored after the others.
  const bool is_last = level + 1 >= num_levels;
  const bool is_kept = is_last || level < kKeptLevels;
  const size_t slot = is_last ? kKeptLevels : level;
  if (levels_.empty()) levels_.resize(kKeptLevels + 1);
  if (is_kept && levels_[slot] != nullptr) return levels_[slot];
  auto bits = std::make_shared<MaskBits>(num_words_, 0);
  const size_t end = num_levels == 0 ? 0 : passes_begin_[level + 1];
  for (size_t i = 0; i < end; ++i) set_bit(*bits, by_passes_[i]);
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
