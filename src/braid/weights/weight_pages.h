// The memory in which a process holds its weights, page by page with the checksum of each, so that it can be told later
// whether a page is still what was loaded. A memory error, or a write that went astray, changes a rank's answers
// without any other sign. Tested by weight_pages_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/base/thread_team.h"

namespace braid {

// Memory that does not change once it is loaded.
struct WeightMemory {
  std::string tensors;  // whose values it holds, by the checkpoint's names: "…q_proj.weight, …k_proj.weight"
  std::span<const std::byte> bytes;
  std::vector<int32_t> ranks;  // that compute with it: of this process, counted from its first, ascending
};

class WeightPages {
 public:
  // A page is read within some 10 us, and the checksums take an 8 000th of the weights' memory.
  static constexpr size_t kPageBytes = size_t{64} << 10;

  // Reads all of it, on the team's threads. The memory outlives this object.
  WeightPages(std::vector<WeightMemory> memory, ThreadTeam& team);
  // Reads nothing: `sums` are those of the same memory when it was loaded.
  WeightPages(std::vector<WeightMemory> memory, std::vector<uint64_t> sums);

  const std::vector<WeightMemory>& memory() const { return memory_; }
  const std::vector<uint64_t>& sums() const { return sums_; }  // of all pages, memory by memory
  int64_t num_pages() const { return static_cast<int64_t>(sums_.size()); }
  static int64_t pages_of(const WeightMemory& memory);

  struct Damage {
    size_t memory = 0;  // an index of memory()
    int64_t num_bad_pages = 0;
  };
  // What differs now, in the order of memory(). From any thread, also from several. Calls go_on() before each page;
  // absent: it returned false.
  std::optional<std::vector<Damage>> find_damage(FunctionRef<bool()> go_on) const;

 private:
  const std::vector<WeightMemory> memory_;
  std::vector<uint64_t> sums_;
};

}  // namespace braid
