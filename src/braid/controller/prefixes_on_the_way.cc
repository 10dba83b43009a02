#include "braid/controller/prefixes_on_the_way.h"

#include <algorithm>

namespace braid {

void PrefixesOnTheWay::add(int32_t group, uint64_t command, std::span<const uint64_t> prefixes, int32_t num_there) {
  if (num_there >= std::ssize(prefixes)) return;
  prefixes = prefixes.subspan(static_cast<size_t>(num_there));
  const Prompt& added =
      by_group_.at(static_cast<size_t>(group))
          .emplace_back(Prompt{.group = group, .command = command, .prefixes = {prefixes.begin(), prefixes.end()}});
  by_first_.emplace(prefixes[0], &added);
}

void PrefixesOnTheWay::arrive(int32_t group, uint64_t command) {
  std::deque<Prompt>& own = by_group_.at(static_cast<size_t>(group));
  while (!own.empty() && own.front().command <= command) forget_first(group);
}

void PrefixesOnTheWay::lose(int32_t group) {
  while (!by_group_.at(static_cast<size_t>(group)).empty()) forget_first(group);
}

void PrefixesOnTheWay::forget_first(int32_t group) {
  std::deque<Prompt>& own = by_group_[static_cast<size_t>(group)];
  const auto [first, last] = by_first_.equal_range(own.front().prefixes[0]);
  by_first_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == &own.front(); }));
  own.pop_front();
}

void PrefixesOnTheWay::extend(std::span<const uint64_t> prefixes, std::span<int32_t> num_pages) const {
  if (by_first_.empty()) return;
  // In order, because what one prompt brings may be where another one goes on.
  for (size_t at = 0; at < prefixes.size(); ++at) {
    const auto [first, last] = by_first_.equal_range(prefixes[at]);
    for (auto found = first; found != last; ++found) {
      const Prompt& prompt = *found->second;
      int32_t& own = num_pages[static_cast<size_t>(prompt.group)];
      if (own < static_cast<int32_t>(at)) continue;  // it has lost what came before
      const auto rest = prefixes.subspan(at);
      const auto parted = std::ranges::mismatch(rest, prompt.prefixes);
      own = std::max(own, static_cast<int32_t>(at + static_cast<size_t>(parted.in1 - rest.begin())));
    }
  }
}

}  // namespace braid
