#include "braid/weights/weight_pages.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/checksum.h"
#include "braid/base/index_range.h"

namespace braid {
namespace {

std::span<const std::byte> page_at(const WeightMemory& memory, int64_t page) {
  const size_t begin = static_cast<size_t>(page) * WeightPages::kPageBytes;
  return memory.bytes.subspan(begin, std::min(WeightPages::kPageBytes, memory.bytes.size() - begin));
}

}  // namespace

int64_t WeightPages::pages_of(const WeightMemory& memory) {
  return static_cast<int64_t>((memory.bytes.size() + kPageBytes - 1) / kPageBytes);
}

WeightPages::WeightPages(std::vector<WeightMemory> memory, ThreadTeam& team) : memory_(std::move(memory)) {
  struct Page {
    const WeightMemory* memory;
    int64_t index;
  };
  std::vector<Page> pages;
  for (const WeightMemory& one : memory_) {
    for (int64_t index = 0; index < pages_of(one); ++index) pages.push_back({.memory = &one, .index = index});
  }
  sums_.resize(pages.size());
  team.run([&](int thread) {
    const IndexRange own = split_evenly(num_pages(), thread, team.size());
    for (auto i = static_cast<size_t>(own.begin); i < static_cast<size_t>(own.end); ++i) {
      sums_[i] = checksum(page_at(*pages[i].memory, pages[i].index));
    }
  });
}

WeightPages::WeightPages(std::vector<WeightMemory> memory, std::vector<uint64_t> sums)
    : memory_(std::move(memory)), sums_(std::move(sums)) {
  size_t pages = 0;
  for (const WeightMemory& one : memory_) pages += static_cast<size_t>(pages_of(one));
  CHECK(pages == sums_.size(), "{} checksums of {} pages", sums_.size(), pages);
}

std::optional<std::vector<WeightPages::Damage>> WeightPages::find_damage(FunctionRef<bool()> go_on) const {
  std::vector<Damage> damages;
  size_t sum = 0;
  for (size_t i = 0; i < memory_.size(); ++i) {
    Damage damage{.memory = i};
    for (int64_t index = 0; index < pages_of(memory_[i]); ++index) {
      if (!go_on()) return std::nullopt;
      if (checksum(page_at(memory_[i], index)) != sums_[sum++]) ++damage.num_bad_pages;
    }
    if (damage.num_bad_pages > 0) damages.push_back(damage);
  }
  return damages;
}

}  // namespace braid
