#include "braid/base/timer_slack.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <thread>

namespace braid {
namespace {

TEST(TimerSlack, IsAMicrosecondInThisThreadAndThoseItStarts) {
  const auto slack_ns = [] { return prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0); };
  const int before_ns = slack_ns();
  std::thread([&] {
    wake_up_on_time();
    EXPECT_EQ(slack_ns(), 1000);
    std::thread([&] { EXPECT_EQ(slack_ns(), 1000); }).join();
  }).join();
  EXPECT_EQ(slack_ns(), before_ns);
}

}  // namespace
}  // namespace braid
