// Waiting for a short time without sleeping.
#pragma once

#include <thread>

namespace braid {

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Looks at `is_over` again and again for about as long as threads differ between two operations of a step, 20 to 40 us.
// Returns whether it came true. It does not yield: beside other work a yield gives the CPU away for milliseconds.
template <typename Condition>
bool spin_until(Condition is_over) {
  constexpr int kSpins = 2000;
  for (int i = 0; i < kSpins; ++i) {
    if (is_over()) return true;
    pause_briefly();
  }
  return false;
}

}  // namespace braid
