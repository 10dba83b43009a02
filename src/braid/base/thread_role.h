// What each thread is for: its name in top, perf and a debugger, and whom its processor time counts for.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace braid {

enum class ThreadRole : uint8_t {
  kHttp,        // connections
  kWorker,      // requests' bodies: parsed, rendered, tokenized
  kOutput,      // tokens' events
  kController,  // requests' turns, tokens' text
  kMasks,       // grammars
  kRank,        // a rank's steps: plans, and its part of the model's work
  kCompute,     // the rest of a rank's team
  kOther,       // whatever has set no role
};
inline constexpr int kNumThreadRoles = 8;

std::string_view thread_role_name(ThreadRole role);  // "http"

// The calling thread's, until it says otherwise. Threads that it starts inherit it.
void set_thread_role(ThreadRole role);

// Seconds of processor time, by role.
struct CpuByRole {
  std::array<double, kNumThreadRoles> seconds = {};

  double of(ThreadRole role) const { return seconds[static_cast<size_t>(role)]; }
  // Of all that stands between clients and the model: everything but ranks, their teams and what has no role.
  double front() const;
};

// Of the threads of this process that live now, since each began.
CpuByRole cpu_seconds_by_role();

}  // namespace braid
