// Work beside threads that compute. Tested by background_test.cc.
#pragma once

#include "braid/base/function_ref.h"

namespace braid {

// Runs work() on a thread of its own, with the caller's role (base/thread_role.h), and returns when it is done. Work
// that takes longer than a moment goes on with the lowest priority (nice 19), so that it takes hardly any processor
// time from others: where all CPUs are busy, about one part in seventy, by half milliseconds. An exception is thrown on
// in the caller.
void run_in_background(FunctionRef<void()> work);

// For work that somebody waits for, beside steps: lowers the priority of the calling thread, and of the threads that it
// starts from now on, so that where all CPUs are busy it gets about a quarter of the time of a thread that computes
// steps (nice 6).
void give_way_to_steps();

}  // namespace braid
