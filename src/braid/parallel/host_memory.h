// What the processes of a world that are on one host have of each other: each makes one segment of memory, which the
// others read (base/shared_segment.h). It has a ring for the messages of each pair of processes of one rank
// (shared_ring.h). Nothing of it has a name, so nothing is left behind when a process dies. Tested by
// host_memory_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/base/shared_segment.h"
#include "braid/parallel/process_port.h"
#include "braid/parallel/rank_spread.h"
#include "braid/parallel/shared_ring.h"

namespace braid {

class HostMemory {
 public:
  // All processes of the port call it at once, after they have joined, for one world. Processes in different network
  // namespaces are of different hosts. An error if the port fails; where memory is short, or processes do not show it
  // to each other, they share none.
  static Result<std::shared_ptr<const HostMemory>> meet(ProcessPort& port, const RankSpread& spread, int32_t group_size,
                                                        double timeout_s);

  // Whether both read each other's memory, and so could open more of it.
  bool is_shared_with(int32_t process) const { return is_shared_[static_cast<size_t>(process)]; }
  // Why this process shares none with others of its host; empty: it does, or there are none.
  const std::string& trouble() const { return trouble_; }

  // Both ends of the messages between this process' rank and that of another, of the world or of their group; each of
  // the four at most once. Nothing where they share no memory or have more ranks.
  std::unique_ptr<RingWriter> writer_to(int32_t process, bool is_group) const;
  std::unique_ptr<RingReader> reader_of(int32_t process, bool is_group) const;

 private:
  HostMemory(int32_t own, const RankSpread& spread, int32_t group_size);

  bool has_ring(int32_t a, int32_t b, bool is_group) const;
  size_t bytes_between(int32_t a, int32_t b) const;
  int64_t bytes_of(int32_t process) const;
  size_t ring_at(int32_t of, int32_t other, bool is_group) const;
  std::span<const std::byte> memory_of(int32_t process) const;
  std::span<std::byte> own_memory() const;

  const int32_t own_;
  const RankSpread spread_;
  const int32_t group_size_;
  std::vector<int32_t> members_;  // processes of this host
  size_t slot_bytes_ = 0;
  mutable SharedSegment segment_;
  std::vector<SharedSegment> others_;  // [num_processes]
  std::vector<bool> is_shared_;        // [num_processes]
  std::string trouble_;
};

}  // namespace braid
