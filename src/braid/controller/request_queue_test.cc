#include "braid/controller/request_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace braid {
namespace {

SchedulerRequest request(RequestId id, size_t prompt_len, int32_t priority = 0) {
  SchedulerRequest made;
  made.id = id;
  made.arrival = id;
  made.priority = priority;
  made.prompt.assign(prompt_len, static_cast<TokenId>(id));
  return made;
}

std::vector<RequestId> pop(RequestQueue& queue, const Credits& credits,
                           const std::map<TokenId, PrefixProbe>& prefixes = {}) {
  std::vector<RequestId> ids;
  const auto probe = [&](const SchedulerRequest& asked, std::span<PrefixProbe> by_group) {
    const auto found = prefixes.find(asked.prompt[0]);
    by_group[0] = found == prefixes.end() ? PrefixProbe{} : found->second;
  };
  for (const auto& bound : queue.pop_admissible({credits}, probe, [](auto&, auto) { return 0; }))
    ids.push_back(bound.request.id);
  return ids;
}

TEST(RequestQueue, PopsWhatTheCreditsAllowAndKeepsTheRest) {
  RequestQueue queue(SchedulePolicy::kFcfs);
  for (RequestId id = 1; id <= 5; ++id) queue.push(request(id, 16));
  EXPECT_EQ(queue.num_tokens(), 80);
  EXPECT_EQ(pop(queue, {.num_requests = 0, .num_pages = 100, .page_size = 16}), (std::vector<RequestId>{}));
  EXPECT_EQ(pop(queue, {.num_requests = 5, .num_pages = 5, .page_size = 16}), (std::vector<RequestId>{1, 2}));
  EXPECT_EQ(pop(queue, {.num_requests = 1, .num_pages = 50, .page_size = 16}), (std::vector<RequestId>{3}));
  EXPECT_TRUE(queue.abort(4));
  EXPECT_FALSE(queue.abort(4));
  EXPECT_FALSE(queue.abort(1));
  EXPECT_EQ(pop(queue, {.num_requests = 5, .num_pages = 50, .page_size = 16}), (std::vector<RequestId>{5}));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.num_tokens(), 0);
}

TEST(RequestQueue, AnIdleGroupTakesOneRequestWhateverItsSize) {
  RequestQueue queue(SchedulePolicy::kFcfs);
  queue.push(request(1, 160));
  queue.push(request(2, 16));
  EXPECT_EQ(pop(queue, {.num_requests = 5, .num_pages = 10, .page_size = 16, .is_idle = true}),
            (std::vector<RequestId>{1}));
}

TEST(RequestQueue, PriorityLooksBeyondTheWindowOfEarlierArrivals) {
  RequestQueue queue(SchedulePolicy::kPriority, 8, 2);
  for (RequestId id = 1; id <= 10; ++id) queue.push(request(id, 16, id == 10 ? 5 : 0));
  EXPECT_EQ(pop(queue, {.num_requests = 2, .num_pages = 99, .page_size = 16}), (std::vector<RequestId>{10, 1}));
}

TEST(RequestQueue, PrioritiesTravelToTheGroupOnlyUnderTheirPolicy) {
  for (const auto policy : {SchedulePolicy::kFcfs, SchedulePolicy::kLpm, SchedulePolicy::kPriority}) {
    RequestQueue queue(policy);
    queue.push(request(1, 16, 5));
    const auto bound = queue.pop_admissible(
        {{.num_requests = 2, .num_pages = 99, .page_size = 16}}, [](auto&, auto) {}, [](auto&, auto) { return 0; });
    ASSERT_EQ(bound.size(), 1U);
    EXPECT_EQ(bound[0].request.priority, policy == SchedulePolicy::kPriority ? 5 : 0);
  }
}

TEST(RequestQueue, LpmOrdersByTheGroupsCachedPrefixes) {
  RequestQueue queue(SchedulePolicy::kLpm);
  for (RequestId id = 1; id <= 3; ++id) queue.push(request(id, 64));
  const std::map<TokenId, PrefixProbe> prefixes{{3, {.num_cached_pages = 2, .num_held_pages = 0}}};
  EXPECT_EQ(pop(queue, {.num_requests = 2, .num_pages = 99, .page_size = 16}, prefixes),
            (std::vector<RequestId>{3, 1}));
}

// A request is overtaken at most kMaxOvertaken times, whatever arrives and however little room there is.
TEST(RequestQueue, NoRequestIsOvertakenMoreOftenThanAllowed) {
  for (const auto policy : {SchedulePolicy::kFcfs, SchedulePolicy::kLpm}) {
    constexpr int32_t kMaxOvertaken = 5;
    RequestQueue queue(policy, kMaxOvertaken);
    queue.push(request(1, 160));  // 11 pages
    RequestId next = 2;
    int overtaken = 0;
    for (int turn = 0; turn < 50; ++turn) {
      queue.push(request(next++, 16));
      const std::map<TokenId, PrefixProbe> prefixes{{static_cast<TokenId>(next - 1), {1, 1}}};
      overtaken += static_cast<int>(pop(queue, {.num_requests = 3, .num_pages = 3, .page_size = 16}, prefixes).size());
    }
    EXPECT_EQ(overtaken, kMaxOvertaken);
    EXPECT_EQ(pop(queue, {.num_requests = 1, .num_pages = 11, .page_size = 16}), (std::vector<RequestId>{1}));
  }
}

// A lookup in the prefix cache takes time proportional to the prompt's length.
TEST(RequestQueue, LooksUpOnlyPrefixesThatDecideTheTurn) {
  const auto look_ups = [](SchedulePolicy policy, const Credits& credits) {
    RequestQueue queue(policy);
    queue.push(request(1, 160));  // 11 pages
    for (RequestId id = 2; id <= 10; ++id) queue.push(request(id, 16));
    int count = 0;
    const auto probe = [&](const SchedulerRequest&, std::span<PrefixProbe>) { ++count; };
    const auto bound = queue.pop_admissible({credits}, probe, [](auto&, auto) { return 0; });
    return std::pair(count, bound.size());
  };
  const Credits plenty{.num_requests = 2, .num_pages = 100, .page_size = 16};
  const Credits few{.num_requests = 2, .num_pages = 5, .page_size = 16};
  EXPECT_EQ(look_ups(SchedulePolicy::kFcfs, plenty), std::pair(2, size_t{2}));  // those that are picked
  EXPECT_EQ(look_ups(SchedulePolicy::kPriority, plenty), std::pair(2, size_t{2}));
  EXPECT_EQ(look_ups(SchedulePolicy::kFcfs, few), std::pair(3, size_t{2}));  // also the one that did not fit, once
  EXPECT_EQ(look_ups(SchedulePolicy::kLpm, plenty), std::pair(10, size_t{2}));
}

// Binds to the first group with room, or to the last. Returns "request>group" for each.
std::vector<std::string> bind_to(RequestQueue& queue, std::vector<Credits> groups, bool to_first = true) {
  std::vector<std::string> bound;
  const auto probe = [](const SchedulerRequest&, std::span<PrefixProbe>) {};
  const auto pick = [&](const SchedulerRequest&, std::span<const std::optional<PrefixProbe>> prefixes) {
    int32_t picked = -1;
    for (int32_t group = 0; group < static_cast<int32_t>(prefixes.size()); ++group) {
      if (prefixes[static_cast<size_t>(group)] && (picked < 0 || !to_first)) picked = group;
    }
    return picked;
  };
  for (const auto& binding : queue.pop_admissible(std::move(groups), probe, pick)) {
    bound.push_back(fmt::format("{}>{}", binding.request.id, binding.group));
  }
  return bound;
}

TEST(RequestQueue, RequestsGoToAnyGroupWithRoom) {
  RequestQueue queue(SchedulePolicy::kFcfs);
  for (RequestId id = 1; id <= 6; ++id) queue.push(request(id, 16));
  const Credits two{.num_requests = 2, .num_pages = 100, .page_size = 16};
  const Credits one{.num_requests = 1, .num_pages = 100, .page_size = 16};
  EXPECT_EQ(bind_to(queue, {two, one}), (std::vector<std::string>{"1>0", "2>0", "3>1"}));
  EXPECT_EQ(bind_to(queue, {one, one}, false), (std::vector<std::string>{"4>1", "5>0"}));
  EXPECT_EQ(queue.size(), 1);
}

TEST(RequestQueue, ARequestTooLargeForOneGroupGoesToAnother) {
  RequestQueue queue(SchedulePolicy::kFcfs);
  queue.push(request(1, 160));
  EXPECT_EQ(bind_to(queue, {{.num_requests = 1, .num_pages = 10, .page_size = 16},
                            {.num_requests = 1, .num_pages = 11, .page_size = 16}}),
            std::vector<std::string>{"1>1"});
}

TEST(RequestQueue, ARequestForOneGroupWaitsForItWithoutHoldingUpOthers) {
  RequestQueue queue(SchedulePolicy::kFcfs, 2);
  queue.push(request(1, 16), 1);
  for (RequestId id = 2; id <= 9; ++id) queue.push(request(id, 16));
  const Credits full{.num_requests = 0, .num_pages = 0, .page_size = 16};
  const Credits one{.num_requests = 1, .num_pages = 100, .page_size = 16};
  for (const char* expected : {"2>0", "3>0", "4>0", "5>0"}) {
    EXPECT_EQ(bind_to(queue, {one, full}), std::vector<std::string>{expected});
  }
  EXPECT_EQ(bind_to(queue, {one, one}), (std::vector<std::string>{"1>1", "6>0"}));
}

TEST(RequestQueue, AGroupWaitsForARequestOvertakenTooOftenThere) {
  RequestQueue queue(SchedulePolicy::kFcfs, 2);
  queue.push(request(1, 160), 1);
  for (RequestId id = 2; id <= 9; ++id) queue.push(request(id, 16));
  const Credits few{.num_requests = 1, .num_pages = 5, .page_size = 16};
  const Credits full{.num_requests = 0, .num_pages = 0, .page_size = 16};
  EXPECT_EQ(bind_to(queue, {full, few}), std::vector<std::string>{"2>1"});
  EXPECT_EQ(bind_to(queue, {full, few}), std::vector<std::string>{"3>1"});
  EXPECT_EQ(bind_to(queue, {full, few}), std::vector<std::string>{}) << "group 1 waits for request 1";
  EXPECT_EQ(bind_to(queue, {few, few}), std::vector<std::string>{"4>0"}) << "group 0 does not";
}

// More requests for one group than the window holds.
TEST(RequestQueue, RequestsForOneGroupDoNotHideThoseForOthers) {
  RequestQueue queue(SchedulePolicy::kFcfs, 32, 4);
  for (RequestId id = 1; id <= 20; ++id) queue.push(request(id, 16), 1);
  queue.push(request(21, 16));
  queue.push(request(22, 16), 0);
  const Credits full{.num_requests = 0, .num_pages = 0, .page_size = 16};
  const Credits one{.num_requests = 1, .num_pages = 100, .page_size = 16};
  EXPECT_EQ(bind_to(queue, {one, full}), std::vector<std::string>{"21>0"});
  EXPECT_EQ(bind_to(queue, {one, full}), std::vector<std::string>{"22>0"});
  EXPECT_EQ(bind_to(queue, {one, one}), std::vector<std::string>{"1>1"});
  EXPECT_EQ(queue.size(), 19);
}

TEST(RequestQueue, AnOvertakenRequestReservesTheNearestGroupAndTheOthersGoOn) {
  RequestQueue queue(SchedulePolicy::kFcfs, 2);
  queue.push(request(1, 160));                                         // 11 pages
  for (RequestId id = 2; id <= 20; ++id) queue.push(request(id, 16));  // 2 pages each
  const auto with_pages = [](int64_t num_pages) {
    return Credits{.num_requests = 1, .num_pages = num_pages, .page_size = 16};
  };
  EXPECT_EQ(bind_to(queue, {with_pages(2), with_pages(5)}), (std::vector<std::string>{"2>0", "3>1"}));
  EXPECT_FALSE(queue.is_reserved(0));
  EXPECT_EQ(bind_to(queue, {with_pages(2), with_pages(5)}), std::vector<std::string>{"4>0"}) << "group 1 is nearer";
  EXPECT_TRUE(queue.is_reserved(1));
  EXPECT_EQ(bind_to(queue, {with_pages(9), with_pages(8)}), std::vector<std::string>{"5>0"}) << "it stays with group 1";
  EXPECT_EQ(bind_to(queue, {with_pages(2), with_pages(11)}), (std::vector<std::string>{"1>1", "6>0"}));
  EXPECT_FALSE(queue.is_reserved(1));
  EXPECT_EQ(bind_to(queue, {with_pages(0), with_pages(2)}), std::vector<std::string>{"7>1"});
}

TEST(RequestQueue, AnOvertakenRequestTakesAnyGroupThatHasRoomFirst) {
  RequestQueue queue(SchedulePolicy::kFcfs, 0);
  queue.push(request(1, 160));
  queue.push(request(2, 16));
  const auto with_pages = [](int64_t num_pages) {
    return Credits{.num_requests = 1, .num_pages = num_pages, .page_size = 16};
  };
  EXPECT_EQ(bind_to(queue, {with_pages(10), with_pages(0)}), std::vector<std::string>{});
  EXPECT_TRUE(queue.is_reserved(0));
  EXPECT_EQ(bind_to(queue, {with_pages(10), with_pages(11)}), (std::vector<std::string>{"1>1", "2>0"}));
  EXPECT_FALSE(queue.is_reserved(0));
  queue.push(request(3, 160));
  EXPECT_EQ(bind_to(queue, {with_pages(10), with_pages(0)}), std::vector<std::string>{});
  EXPECT_TRUE(queue.is_reserved(0));
  EXPECT_TRUE(queue.abort(3));
  EXPECT_FALSE(queue.is_reserved(0));
}

// Ten prompts that share 9 of 10 pages with one that runs wait for three free pages: what their probes found is kept.
TEST(RequestQueue, ProbesAreKeptAsLongAsTheyHoldOrCannotMakeARequestFit) {
  RequestQueue queue(SchedulePolicy::kFcfs);
  for (RequestId id = 1; id <= 10; ++id) queue.push(request(id, 160));  // 11 pages
  int64_t num_held = 0;
  int num_walks = 0;
  PrefixVersion version{.num_changes = 1, .num_held = 100};
  const auto bound_with = [&](int64_t num_pages) {
    const auto probe = [&](const SchedulerRequest&, std::span<PrefixProbe> by_group) {
      ++num_walks;
      by_group[0] = {.num_cached_pages = 9, .num_held_pages = static_cast<int32_t>(num_held)};
    };
    const Credits credits{.num_requests = 1, .num_pages = num_pages, .page_size = 16};
    return queue
        .pop_admissible(
            {credits}, probe, [](auto&, auto) { return 0; }, std::vector{version})
        .size();
  };
  EXPECT_EQ(bound_with(3), 0U);
  EXPECT_EQ(num_walks, 10);
  EXPECT_EQ(bound_with(4), 0U) << "another wake-up, with more room";
  EXPECT_EQ(num_walks, 10) << "the cache has not changed";
  num_held = 5;
  version = {.num_changes = 30, .num_held = 105};
  EXPECT_EQ(bound_with(4), 0U);
  EXPECT_EQ(num_walks, 10) << "five pages more are held, which is too few";
  num_held = 7;
  version = {.num_changes = 40, .num_held = 107};
  EXPECT_EQ(bound_with(4), 1U);
  EXPECT_EQ(num_walks, 11) << "the first could fit now, and does";
  EXPECT_EQ(bound_with(0), 0U);
  EXPECT_EQ(num_walks, 11);
}

// Under lpm every request that could fit is looked up, at every wake-up.
TEST(RequestQueue, TurnsByPrefixLookUpOnlyWhatHasChanged) {
  RequestQueue queue(SchedulePolicy::kLpm);
  for (RequestId id = 1; id <= 10; ++id) queue.push(request(id, 16));
  int num_walks = 0;
  PrefixVersion version{.num_changes = 1};
  const auto bind_one = [&] {
    const auto probe = [&](const SchedulerRequest&, std::span<PrefixProbe>) { ++num_walks; };
    const Credits credits{.num_requests = 1, .num_pages = 100, .page_size = 16};
    return queue
        .pop_admissible(
            {credits}, probe, [](auto&, auto) { return 0; }, std::vector{version})
        .size();
  };
  EXPECT_EQ(bind_one(), 1U);
  EXPECT_EQ(num_walks, 10);
  EXPECT_EQ(bind_one(), 1U);
  EXPECT_EQ(num_walks, 10) << "the cache is the same";
  version.num_changes = 2;
  EXPECT_EQ(bind_one(), 1U);
  EXPECT_EQ(num_walks, 18);
}

TEST(RequestQueue, WithoutVersionsNoProbeIsKept) {
  RequestQueue queue(SchedulePolicy::kFcfs);
  queue.push(request(1, 160));
  const Credits few{.num_requests = 1, .num_pages = 5, .page_size = 16};
  EXPECT_EQ(pop(queue, few), std::vector<RequestId>{});
  EXPECT_EQ(pop(queue, few, {{1, {.num_cached_pages = 9, .num_held_pages = 9}}}), std::vector<RequestId>{1});
}

TEST(RequestQueue, WhatWasKnownOfAGroupsPrefixesIsForgottenWhenItStartsAgain) {
  RequestQueue queue(SchedulePolicy::kLpm);
  queue.push(request(1, 160));
  int num_probes = 0;
  const auto pop_nothing = [&] {
    const auto probe = [&](const SchedulerRequest&, std::span<PrefixProbe>) { ++num_probes; };
    const std::vector<PrefixVersion> versions(1);
    const auto bound = queue.pop_admissible(
        {{.num_requests = 1, .num_pages = 1, .page_size = 16}}, probe, [](auto&, auto) { return 0; }, versions);
    EXPECT_TRUE(bound.empty());
  };
  queue.push(request(2, 160));
  for (int i = 0; i < 3; ++i) pop_nothing();
  const int num_before = num_probes;
  queue.lose(0);
  queue.restart(0);
  pop_nothing();
  EXPECT_GT(num_probes, num_before);
}

}  // namespace
}  // namespace braid
