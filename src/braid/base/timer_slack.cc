#include "braid/base/timer_slack.h"

#include <sys/prctl.h>

namespace braid {

void wake_up_on_time() {
  constexpr unsigned long kSlack_ns = 1000;
  prctl(PR_SET_TIMERSLACK, kSlack_ns, 0, 0, 0);
}

}  // namespace braid
