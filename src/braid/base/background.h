// Work beside threads that compute. Tested by background_test.cc.
#pragma once

#include "braid/base/function_ref.h"

namespace braid {

// Runs work() on a thread of its own, with the caller's role (base/thread_role.h), and returns when it is done. Work
// that takes longer than a moment goes on with the lowest priority (nice 19), so that it takes hardly any processor
// time from others: where all CPUs are busy, about one part in seventy, by half milliseconds. An exception is thrown on
// in the caller.
void run_in_background(FunctionRef<void()> work);

}  // namespace braid
