#include "braid/controller/policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid {
namespace {

constexpr Credits kPlenty{.num_requests = 10, .num_pages = 1000, .page_size = 16};

WaitingEntry entry(uint64_t arrival, int32_t prompt_len = 16, int32_t priority = 0, int32_t cached_pages = 0) {
  WaitingEntry waiting;
  waiting.arrival = arrival;
  waiting.priority = priority;
  waiting.prompt_len = prompt_len;
  waiting.prefix.num_cached_pages = cached_pages;
  return waiting;
}

TEST(SchedulePolicy, NamesAreParsedAndAWrongOneListsThem) {
  for (const auto policy : {SchedulePolicy::kFcfs, SchedulePolicy::kLpm, SchedulePolicy::kPriority}) {
    EXPECT_EQ(parse_schedule_policy(schedule_policy_name(policy)).value(), policy);
  }
  EXPECT_EQ(parse_schedule_policy("lifo").error().message, "--schedule-policy lifo: use fcfs, lpm or priority");
}

TEST(SchedulePolicy, FcfsTakesTheEarliest) {
  EXPECT_EQ(pick_next(SchedulePolicy::kFcfs, std::vector{entry(5, 16, 9, 9), entry(3), entry(4)}, kPlenty, 8), 1U);
  EXPECT_EQ(pick_next(SchedulePolicy::kFcfs, {}, kPlenty, 8), std::nullopt);
}

TEST(SchedulePolicy, LpmTakesTheLongestCachedPrefixThenTheEarliest) {
  const std::vector waiting{entry(1), entry(2, 64, 0, 3), entry(3, 64, 0, 3)};
  EXPECT_EQ(pick_next(SchedulePolicy::kLpm, waiting, kPlenty, 8), 1U);
}

TEST(SchedulePolicy, PriorityTakesTheHighestThenTheEarliest) {
  const std::vector waiting{entry(1), entry(3, 16, 2), entry(2, 16, 2), entry(4, 16, -1)};
  EXPECT_EQ(pick_next(SchedulePolicy::kPriority, waiting, kPlenty, 8), 2U);
}

TEST(SchedulePolicy, PagesThatOthersHoldNeedNoCredits) {
  WaitingEntry waiting = entry(1, 161);
  EXPECT_EQ(pages_to_admit(waiting, {.page_size = 16}), 12);  // 11 for the prompt, one to grow
  waiting.prefix = {.num_cached_pages = 9, .num_held_pages = 6};
  EXPECT_EQ(pages_to_admit(waiting, {.page_size = 16}), 6);
  EXPECT_EQ(pages_to_admit(waiting, {.page_size = 16, .max_request_pages = 9}), 3);  // whatever its length
  EXPECT_TRUE(fits(waiting, {.num_requests = 1, .num_pages = 6, .page_size = 16}));
  EXPECT_FALSE(fits(waiting, {.num_requests = 1, .num_pages = 5, .page_size = 16}));
  EXPECT_TRUE(fits(waiting, {.num_requests = 1, .num_pages = 5, .page_size = 16, .is_idle = true}));
  EXPECT_FALSE(fits(waiting, {.num_requests = 0, .num_pages = 100, .page_size = 16}));
}

TEST(SchedulePolicy, ALargeRequestIsOvertakenABoundedNumberOfTimes) {
  const Credits few{.num_requests = 4, .num_pages = 5, .page_size = 16};
  std::vector waiting{entry(1, 1000), entry(2)};
  EXPECT_EQ(pick_next(SchedulePolicy::kFcfs, waiting, few, 8), 1U);
  waiting[0].times_overtaken = 7;
  EXPECT_EQ(pick_next(SchedulePolicy::kFcfs, waiting, few, 8), 1U);
  waiting[0].times_overtaken = 8;
  EXPECT_EQ(pick_next(SchedulePolicy::kFcfs, waiting, few, 8), 1U) << "it waits for another group's room";
  waiting[0].is_awaited = true;
  EXPECT_EQ(pick_next(SchedulePolicy::kFcfs, waiting, few, 8), std::nullopt) << "for this group's";
  EXPECT_EQ(pick_next(SchedulePolicy::kFcfs, waiting, kPlenty, 8), 0U);
}

TEST(SchedulePolicy, UnderLpmARequestOvertakenTooOftenGoesFirst) {
  std::vector waiting{entry(1), entry(2, 64, 0, 3)};
  waiting[0].times_overtaken = 8;
  EXPECT_EQ(pick_next(SchedulePolicy::kLpm, waiting, kPlenty, 8), 0U);
}

TEST(SchedulePolicy, AHigherPriorityNeverWaitsForALowerOne) {
  std::vector waiting{entry(1, 16), entry(2, 16, 1)};
  waiting[0].times_overtaken = 100;
  EXPECT_EQ(pick_next(SchedulePolicy::kPriority, waiting, kPlenty, 8), 1U);
  EXPECT_FALSE(is_overtaken(SchedulePolicy::kPriority, waiting[0], waiting[1]));
  EXPECT_TRUE(is_overtaken(SchedulePolicy::kFcfs, waiting[0], waiting[1]));
  EXPECT_FALSE(is_overtaken(SchedulePolicy::kFcfs, waiting[1], waiting[0]));
}

}  // namespace
}  // namespace braid
