// What processes that share a host tell each other, so that each takes its part of the host and no more. Pure. Tested
// by host_share_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "braid/base/result.h"
#include "braid/kernels/isa.h"

namespace braid {

// One process, as it tells all others.
struct ProcessOfHost {
  std::string host;  // the same for all processes of a host, and for no other
  std::string cpus;  // the same for processes that may use the same CPUs
  CpuIsa isa = CpuIsa::kPortable;
  int32_t num_ranks = 1;
};
std::string encode(const ProcessOfHost& process);

struct HostShare {
  CpuIsa isa = CpuIsa::kPortable;  // the lowest of all processes: other tiers have other bits
  int32_t ranks_on_host = 0;
  int32_t ranks_on_cpus = 0;  // of these: of processes that may use the same CPUs as this one
  int32_t ranks_before = 0;   // of these: of processes before this one
};

// `all`: the texts of all processes. An error if one is no such text.
Result<HostShare> host_share(std::span<const std::string> all, int32_t process);

}  // namespace braid
