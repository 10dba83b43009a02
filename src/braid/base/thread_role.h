// What each thread is for: its name in top, perf and a debugger, and the role that its processor time is counted under.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace braid {

enum class ThreadRole : uint8_t {
  kHttp,        // connections
  kWorker,      // bodies of requests: parsed, rendered, tokenized
  kOutput,      // the events of tokens
  kController,  // requests' order, the text of tokens
  kMasks,       // grammars
  kRank,        // a rank's steps: plans, and its part of the model's work
  kCompute,     // the rest of a rank's team
  kImages,      // images, until a request may start, and the team of the vision tower
  kLog,         // lines of the log, on their way out
  kOther,       // threads that set no role
};
inline constexpr int kNumThreadRoles = 10;

std::string_view thread_role_name(ThreadRole role);  // "http"

// Sets the calling thread's role until it is set again. Threads that it starts inherit it.
void set_thread_role(ThreadRole role);

// Processor time by role, in seconds.
struct CpuByRole {
  std::array<double, kNumThreadRoles> seconds = {};

  double of(ThreadRole role) const { return seconds[static_cast<size_t>(role)]; }
  // All threads between the clients and the model: everything but ranks, their teams, images, and threads without a
  // role.
  double front() const;
};

// Of this process's live threads, each since it started.
CpuByRole cpu_seconds_by_role();

}  // namespace braid
