#include "braid/parallel/rank_placement.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/index_range.h"

namespace braid {
namespace {

std::string list_of(std::span<const NumaDomain> domains) {
  std::string text;
  for (const NumaDomain& domain : domains) fmt::format_to(std::back_inserter(text), " {}", domain.os_index);
  return text;
}

// Assigns each rank in turn to the domain that would then have the most CPUs per rank; ties go to the first. Sorted, so
// that consecutive ranks are neighbours.
std::vector<size_t> deal(std::span<const NumaDomain> domains, int32_t num_ranks) {
  std::vector<size_t> ranks_in(domains.size());
  std::vector<size_t> dealt;
  for (int32_t rank = 0; rank < num_ranks; ++rank) {
    size_t best = 0;
    for (size_t i = 1; i < domains.size(); ++i) {
      const size_t here = domains[i].cpus.size() * (ranks_in[best] + 1);
      if (here > domains[best].cpus.size() * (ranks_in[i] + 1)) best = i;
    }
    ++ranks_in[best];
    dealt.push_back(best);
  }
  std::sort(dealt.begin(), dealt.end());
  return dealt;
}

// Share `index` of `of` shares of these CPUs; all CPUs if there are more shares than CPUs.
std::vector<int32_t> share_of(const std::vector<int32_t>& cpus, size_t index, size_t of) {
  if (of > cpus.size()) return cpus;
  const IndexRange share =
      split_evenly(static_cast<int64_t>(cpus.size()), static_cast<int>(index), static_cast<int>(of));
  return {cpus.begin() + share.begin, cpus.begin() + share.end};
}

Result<std::vector<size_t>> mapped(std::span<const NumaDomain> domains, int32_t num_ranks,
                                   const std::vector<int32_t>& map) {
  if (std::cmp_not_equal(map.size(), num_ranks)) {
    return fail("--numa names a domain for {} ranks; there are {} ranks", map.size(), num_ranks);
  }
  std::vector<size_t> of_rank;
  for (const int32_t wanted : map) {
    const auto found = std::find_if(domains.begin(), domains.end(),
                                    [&](const NumaDomain& domain) { return domain.os_index == wanted; });
    if (found == domains.end()) {
      return fail("--numa: there is no NUMA domain {} with a CPU for this process; there are:{}", wanted,
                  list_of(domains));
    }
    of_rank.push_back(static_cast<size_t>(found - domains.begin()));
  }
  return of_rank;
}

// Formats numbers as "0-3,8".
std::string ranges_of(std::vector<int32_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last == i ? fmt::format("{}", numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace

Result<NumaChoice> parse_numa_choice(std::string_view text) {
  if (text == "auto") return NumaChoice{};
  if (text == "off") return NumaChoice{.mode = NumaChoice::Mode::kOff};
  NumaChoice choice{.mode = NumaChoice::Mode::kMap};
  for (std::string_view left = text;;) {
    const std::string_view one = left.substr(0, left.find(','));
    int32_t domain = 0;
    const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), domain);
    if (error != std::errc() || end != one.data() + one.size() || domain < 0) {
      return fail("--numa {}: allowed are auto, off, or a domain's number for each rank, like 0,0,1,1", text);
    }
    choice.map.push_back(domain);
    if (left.find(',') == std::string_view::npos) return choice;
    left.remove_prefix(left.find(',') + 1);
  }
}

Result<std::vector<RankCpus>> place_ranks(std::span<const NumaDomain> domains, int32_t num_ranks,
                                          const NumaChoice& choice) {
  CHECK(!domains.empty() && num_ranks > 0, "{} ranks on {} domains", num_ranks, domains.size());
  const bool is_one_domain = choice.mode == NumaChoice::Mode::kAuto && domains.size() == 1;
  const bool has_nothing_to_split =
      is_one_domain && (num_ranks == 1 || std::cmp_less(domains.front().cpus.size(), num_ranks));
  if (choice.mode == NumaChoice::Mode::kOff || has_nothing_to_split) {
    return std::vector<RankCpus>(static_cast<size_t>(num_ranks));
  }
  std::vector<size_t> domain_of = deal(domains, num_ranks);
  if (choice.mode == NumaChoice::Mode::kMap) {
    TRY(domain_of, mapped(domains, num_ranks, choice.map));
  }
  std::vector<RankCpus> places;
  std::vector<size_t> placed_in(domains.size());
  for (const size_t index : domain_of) {
    const auto ranks_here = static_cast<size_t>(std::count(domain_of.begin(), domain_of.end(), index));
    const NumaDomain& domain = domains[index];
    places.push_back({.domain = is_one_domain ? -1 : domain.os_index,
                      .cpus = share_of(domain.cpus, placed_in[index]++, ranks_here)});
  }
  return places;
}

int32_t default_threads(const RankCpus& place, int32_t num_ranks, int32_t usable_cpus) {
  const int32_t share = std::max(1, usable_cpus / num_ranks);
  return place.cpus.empty() ? share : std::min(share, static_cast<int32_t>(place.cpus.size()));
}

Status bind_this_thread(const RankCpus& place) {
  if (place.cpus.empty()) return {};
  const int largest = *std::max_element(place.cpus.begin(), place.cpus.end());
  const size_t bytes = CPU_ALLOC_SIZE(largest + 1);
  std::vector<unsigned long> words((bytes + sizeof(unsigned long) - 1) / sizeof(unsigned long));
  auto* set = reinterpret_cast<cpu_set_t*>(words.data());
  for (const int32_t cpu : place.cpus) CPU_SET_S(static_cast<size_t>(cpu), bytes, set);
  if (sched_setaffinity(0, bytes, set) != 0) {
    return fail("a rank cannot be bound to CPUs {}: {}", ranges_of(place.cpus), std::strerror(errno));
  }
  return {};
}

std::string describe_placement(std::span<const RankCpus> places, int32_t first_rank) {
  std::string text;
  for (size_t rank = 0; rank < places.size(); ++rank) {
    if (places[rank].cpus.empty()) continue;
    if (!text.empty()) text += "; ";
    const std::string domain = places[rank].domain < 0 ? "" : fmt::format("domain {}, ", places[rank].domain);
    text += fmt::format("rank {}: {}CPUs {}", first_rank + static_cast<int32_t>(rank), domain,
                        ranges_of(places[rank].cpus));
  }
  return text;
}

}  // namespace braid
