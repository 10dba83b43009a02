// A process's part of a profile: everything that it has recorded reaches the front once, in parts.
#include "braid/node/rank_recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "braid/base/clock.h"

namespace braid {
namespace {

class RankRecorderTest : public ::testing::Test {
 protected:
  ProcessMessage next_answer() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(came_.wait_for(lock, std::chrono::seconds(30), [&] { return !answers_.empty(); }));
    ProcessMessage answer = answers_.front();
    answers_.pop_front();
    return answer;
  }
  ProfilePart part(uint64_t id, bool is_last) {
    recorder.take(ProfileWanted{.id = id, .is_last = is_last});
    return std::get<ProfilePart>(next_answer());
  }
  // All parts until there are no more, by rank.
  std::vector<std::vector<TraceSpan>> all_parts(uint64_t id, bool is_last) {
    std::vector<std::vector<TraceSpan>> spans(2);
    for (;;) {
      const ProfilePart one = part(id, is_last);
      EXPECT_EQ(one.id, id);
      EXPECT_LE(one.spans.size(), ProfilePart::kMaxSpans);
      auto& of_rank = spans.at(static_cast<size_t>(one.rank));
      of_rank.insert(of_rank.end(), one.spans.begin(), one.spans.end());
      if (!one.has_more) return spans;
    }
  }
  void record(int32_t rank, uint64_t first_step, size_t count) {
    for (uint64_t step = first_step; step < first_step + count; ++step) trace.add(rank, {.step = step});
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<ProcessMessage> answers_;
  StepTrace trace{2};
  RankRecorder recorder{[this](const ProcessMessage& message) {
    {
      const std::lock_guard lock(mutex_);
      answers_.push_back(message);
    }
    came_.notify_one();
  }};
};

TEST_F(RankRecorderTest, PartsHaveEverySpanOnceAndInOrder) {
  recorder.record(trace);
  recorder.take(ProfileStart{.id = 7});
  const size_t first_count = 2 * ProfilePart::kMaxSpans + 5;
  record(0, 0, first_count);
  record(1, 0, 3);
  const ProfilePart first = part(7, false);  // not all of what was recorded: the end comes in between
  EXPECT_TRUE(first.has_more);
  record(0, first_count, 10);
  auto spans = all_parts(7, true);
  spans[0].insert(spans[0].begin(), first.spans.begin(), first.spans.end());
  EXPECT_FALSE(trace.is_on());
  ASSERT_EQ(spans[0].size(), first_count + 10);
  ASSERT_EQ(spans[1].size(), 3U);
  for (size_t i = 0; i < spans[0].size(); ++i) ASSERT_EQ(spans[0][i].step, i);
  EXPECT_TRUE(part(7, true).spans.empty());
}

TEST_F(RankRecorderTest, ItGoesOnRecordingUntilTheLastPart) {
  recorder.record(trace);
  recorder.take(ProfileStart{.id = 1});
  record(1, 0, 2);
  EXPECT_EQ(all_parts(1, false)[1].size(), 2U);
  EXPECT_TRUE(trace.is_on());
  record(1, 2, 1);
  EXPECT_EQ(all_parts(1, true)[1].size(), 1U);
}

TEST_F(RankRecorderTest, ANewProfileDropsWhatTheLastOneRecorded) {
  recorder.record(trace);
  recorder.take(ProfileStart{.id = 1});
  record(0, 0, ProfilePart::kMaxSpans + 1);
  EXPECT_TRUE(part(1, false).has_more);
  recorder.take(ProfileStart{.id = 2});
  record(0, 100, 1);
  EXPECT_TRUE(part(1, true).spans.empty()) << "nobody wants the first any more";
  EXPECT_TRUE(trace.is_on());
  EXPECT_EQ(all_parts(2, true)[0].front().step, 100U);
}

TEST_F(RankRecorderTest, WithoutRanksThereIsNothing) {
  recorder.take(ProfileStart{.id = 1});
  EXPECT_TRUE(part(1, true).spans.empty());
}

TEST_F(RankRecorderTest, TheClockIsReadWhenTheQuestionComes) {
  const double before_s = monotonic_seconds();
  recorder.take(ClockQuestion{.id = 5});
  const double after_s = monotonic_seconds();
  const auto answer = std::get<ClockAnswer>(next_answer());
  EXPECT_EQ(answer.id, 5U);
  EXPECT_GE(answer.monotonic_s, before_s);
  EXPECT_LE(answer.monotonic_s, after_s);
}

}  // namespace
}  // namespace braid
