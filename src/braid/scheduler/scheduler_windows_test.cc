// Pages of layers with attention windows, with and without layers that see all positions.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/support/scheduler/scheduled_group.h"

namespace braid {
namespace {

// 40 pages of 4 tokens for layers that see all positions, and pages for layers with a window of 8.
SchedulerConfig windowed_config(int32_t num_narrow_pages) {
  return {.num_pages = 40,
          .page_size = 4,
          .context_len = 160,
          .max_running_requests = 4,
          .chunked_prefill_size = 8,
          .narrower_kv_groups = {{.window = 8, .num_pages = num_narrow_pages}}};
}

SchedulerConfig narrow_alone(int32_t num_pages) {
  return {.num_pages = num_pages,
          .page_size = 4,
          .context_len = 400,
          .max_running_requests = 4,
          .chunked_prefill_size = 8,
          .window = 8};
}

struct WindowedGroup : ScheduledGroup {
  using ScheduledGroup::ScheduledGroup;

  void add(RequestId id, size_t prompt_len, int32_t max_new_tokens, TokenId first = 0) {
    std::vector<TokenId> prompt(prompt_len);
    for (size_t i = 0; i < prompt_len; ++i) prompt[i] = first + static_cast<TokenId>(i);
    add(id, std::move(prompt), max_new_tokens);
  }
  void add(RequestId id, std::vector<TokenId> prompt, int32_t max_new_tokens) {
    ASSERT_TRUE(ScheduledGroup::add(id, std::move(prompt), max_new_tokens).ok());
  }
  int32_t cached(RequestId id) const { return last.at(id).cached_tokens; }
};

TEST(SchedulerWindows, PagesBehindTheWindowAreReleasedWhileARequestRuns) {
  for (const bool alone : {false, true}) {
    // A window and a step need 5 pages, wherever they begin. The pool has no more, for a sequence of 25 pages.
    WindowedGroup group(alone ? narrow_alone(5) : windowed_config(5));
    group.add(1, 60, 40);
    group.run();
    EXPECT_EQ(group.tokens.at(1).size(), 100U);
    EXPECT_EQ(group.model.most_pages(alone ? 0 : 1), 4U);  // in prefill; 3 in decode
    ASSERT_EQ(group.plan.sequences.size(), 1U);
    const PageTable& last = group.plan.sequences[0].page_tables.back();
    EXPECT_EQ(last.first_page, 22);
    EXPECT_EQ(last.pages.size(), 3U);
    if (!alone) {
      EXPECT_EQ(group.plan.sequences[0].page_tables[0].pages.size(), 25U);
    }
    EXPECT_EQ(group.scheduler.stats().num_preemptions, 0U);
  }
}

TEST(SchedulerWindows, APrefixIsUsedAsFarAsItsLastWindowIsCached) {
  for (const bool alone : {false, true}) {
    const SchedulerConfig large = alone ? narrow_alone(40) : windowed_config(40);
    WindowedGroup group(large);
    group.add(1, 60, 1);
    group.run();
    group.add(2, 60, 1);  // all but the last token
    group.run();
    EXPECT_EQ(group.cached(2), 56);
    group.add(3, 31, 1);
    group.run();
    EXPECT_EQ(group.cached(3), 28) << "pages behind the window stay in the cache while there is room";

    // With 6 pages, those behind the window are reused: the sequence can be continued only where it ended.
    WindowedGroup small(alone ? narrow_alone(6) : windowed_config(6));
    small.add(1, 60, 1);
    small.run();
    small.add(2, 31, 1);
    small.run();
    EXPECT_EQ(small.cached(2), 0);
    small.add(3, 30, 1, 500);
    small.run();
    std::vector<TokenId> longer = small.tokens.at(3);
    longer.resize(34, 7);
    small.add(4, longer, 1);
    small.run();
    EXPECT_EQ(small.cached(4), 28);
  }
}

TEST(SchedulerWindows, AConversationContinuesWhereItsAnswerEnded) {
  // An answer's pages behind the window are never cached; those that the last full page needs are.
  for (int32_t answer = 20; answer < 30; ++answer) {
    WindowedGroup group(windowed_config(12));
    group.add(1, 9, answer);
    group.run();
    std::vector<TokenId> next = group.tokens.at(1);
    const auto computed = static_cast<int32_t>(next.size()) - 1;
    next.insert(next.end(), {1, 2, 3, 4, 5, 6});
    group.add(2, next, 3);
    group.run();
    EXPECT_EQ(group.cached(2), computed / 4 * 4) << answer;
  }
}

TEST(SchedulerWindows, WithoutWindowPagesARequestWaitsOrIsPreempted) {
  WindowedGroup crowded(windowed_config(6));
  WindowedGroup roomy(windowed_config(40));
  for (WindowedGroup* group : {&crowded, &roomy}) {
    for (RequestId id = 1; id <= 3; ++id) group->add(id, 2, 24, static_cast<TokenId>(100 * id));
    group->run();
  }
  EXPECT_EQ(crowded.tokens, roomy.tokens);
  EXPECT_GT(crowded.scheduler.stats().num_preemptions, 0U);
  EXPECT_EQ(roomy.scheduler.stats().num_preemptions, 0U);
}

TEST(SchedulerWindows, CreditsCountTheRequestsThatWindowsHaveRoomFor) {
  const Scheduler beside(windowed_config(17));
  EXPECT_EQ(beside.credits().num_requests, 3);  // 5 pages each
  EXPECT_EQ(beside.credits().num_pages, 40);
  EXPECT_EQ(beside.credits().max_request_pages, 0);
  const Scheduler alone(narrow_alone(30));
  EXPECT_EQ(alone.credits().num_requests, 4);
  EXPECT_EQ(alone.credits().max_request_pages, 5);
}

TEST(SchedulerWindows, FlushingEmptiesEveryKvGroup) {
  WindowedGroup group(windowed_config(20));
  group.add(1, 50, 2);
  group.run();
  EXPECT_EQ(group.scheduler.flush_cache(), 48);
  group.scheduler.check_idle_invariants();
  group.add(2, 50, 2);
  group.run();
  EXPECT_EQ(group.cached(2), 0);
}

TEST(SchedulerWindows, ClampContextOnlyIfThePoolCannotHoldAStep) {
  EXPECT_EQ(clamp_context(1000, windowed_config(5)), 160);
  EXPECT_EQ(clamp_context(1000, narrow_alone(5)), 1000);
  EXPECT_EQ(clamp_context(1000, narrow_alone(4)), 16);
}

}  // namespace
}  // namespace braid
