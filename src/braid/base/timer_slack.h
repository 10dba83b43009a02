// How late a thread may wake up from a nap.
#pragma once

namespace braid {

// The calling thread, and threads that it starts from now on, wake up within a microsecond or so of the time asked for.
// By default Linux lets a thread sleep 50 us longer, so that wake-ups coincide: several times a short nap.
void wake_up_on_time();

}  // namespace braid
