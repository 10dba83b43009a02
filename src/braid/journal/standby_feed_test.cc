#include "braid/journal/standby_feed.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

class StandbyFeedTest : public ::testing::Test {
 protected:
  void begin() {
    feed_.begin([this](JournalPart part) { parts_.push_back(std::move(part)); }, 100);
  }
  // What was sent since the last call, which is confirmed unless `is_slow`.
  std::vector<JournalPart> go_on(double now_s = 0, bool is_slow = false) {
    EXPECT_TRUE(feed_.go_on(segments_, now_s).ok());
    auto parts = std::exchange(parts_, {});
    for (const JournalPart& part : parts) {
      EXPECT_TRUE(is_slow || confirm(part, now_s).ok());
    }
    return parts;
  }
  Status confirm(const JournalPart& part, double now_s = 0) {
    return feed_.take({.copy = part.copy, .end = part.begin + part.bytes.size()}, now_s);
  }
  void write(const std::string& record, const std::string& key = "one") {
    ASSERT_TRUE(segments_.append(key, record).ok());
  }

  static constexpr int64_t kMaxBytes = int64_t{64} << 20;  // files of 1 MB
  testing::TemporaryFolder folder_;
  Segments segments_ = Segments::open(folder_.path().string(), kMaxBytes).value();
  StandbyFeed feed_;
  std::vector<JournalPart> parts_;
};

TEST_F(StandbyFeedTest, ACopyBeginsWithAllThatThereIsAndGoesOnWithWhatIsWritten) {
  write("first");
  EXPECT_TRUE(go_on().empty()) << "nobody stands by";
  begin();
  auto parts = go_on();
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].copy, 100U);
  EXPECT_EQ(parts[0].begin, 0U);
  EXPECT_TRUE(parts[0].is_whole);
  EXPECT_TRUE(parts[0].bytes.ends_with("first"));
  EXPECT_EQ(feed_.stats(segments_), (StandbyStats{.is_there = true, .is_whole = true, .bytes_behind = 0}));
  EXPECT_TRUE(go_on().empty());
  write("second");
  EXPECT_GT(feed_.stats(segments_).bytes_behind, 6);
  auto more = go_on();
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].begin, parts[0].bytes.size());
  EXPECT_TRUE(more[0].bytes.ends_with("second"));
}

TEST_F(StandbyFeedTest, AnEmptyJournalIsACopyToo) {
  begin();
  const auto parts = go_on();
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_TRUE(parts[0].is_whole && parts[0].bytes.empty());
  EXPECT_TRUE(feed_.stats(segments_).is_whole);
}

TEST_F(StandbyFeedTest, NoMoreIsOnItsWayThanTheWindow) {
  for (int i = 0; i < 10; ++i) write(std::string(size_t{1} << 20, 'x'));
  begin();
  std::vector<JournalPart> slow = go_on(0, true);
  uint64_t bytes = 0;
  for (const JournalPart& part : slow) bytes += part.bytes.size();
  EXPECT_GE(bytes, static_cast<uint64_t>(StandbyFeed::kWindowBytes));
  EXPECT_LT(bytes, static_cast<uint64_t>(StandbyFeed::kWindowBytes + StandbyFeed::kMaxPartBytes));
  EXPECT_TRUE(go_on().empty());
  EXPECT_FALSE(feed_.stats(segments_).is_whole);
  for (const JournalPart& part : slow) ASSERT_TRUE(confirm(part).ok());
  for (int i = 0; i < 10; ++i) {
    for (const JournalPart& part : go_on()) bytes += part.bytes.size();
  }
  EXPECT_EQ(bytes, static_cast<uint64_t>(segments_.bytes())) << "across files";
  EXPECT_TRUE(feed_.stats(segments_).is_whole);
}

TEST_F(StandbyFeedTest, ASlowStandbyWhoseFileIsGoneBeginsAnew) {
  for (int i = 0; i < 6; ++i) write(std::string(size_t{1} << 20, 'x'), "old");
  write("new", "new");
  begin();
  const auto slow = go_on(0, true);
  ASSERT_FALSE(slow.empty());
  write(std::string(size_t{1} << 20, 'y'), "new");
  write("newest", "new");
  segments_.forget("old");  // its files go
  for (const JournalPart& part : slow) ASSERT_TRUE(confirm(part).ok());
  const Status broken = feed_.go_on(segments_, 10);
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().message.find("begins anew"), std::string::npos);
  EXPECT_TRUE(go_on(10.5).empty()) << "not at once";
  const auto anew = go_on(10 + StandbyFeed::kPause_s);
  ASSERT_FALSE(anew.empty());
  EXPECT_EQ(anew[0].copy, slow[0].copy + 1);
  EXPECT_EQ(anew[0].begin, 0U);
  EXPECT_TRUE(feed_.stats(segments_).is_whole);
  EXPECT_TRUE(confirm(slow[0], 20).ok()) << "an answer to the earlier copy does not count";
}

TEST_F(StandbyFeedTest, ARefusalAndASenselessAnswerBeginAnew) {
  write("first");
  begin();
  const auto parts = go_on();
  const Status refused = feed_.take({.copy = parts[0].copy, .refusal = "a gap"}, 0);
  EXPECT_EQ(refused.error().message, "the standby refuses its copy of the journal, which begins anew: a gap");
  EXPECT_FALSE(feed_.stats(segments_).is_whole);
  const auto anew = go_on(StandbyFeed::kPause_s);
  ASSERT_EQ(anew.size(), 1U);
  const Status senseless = feed_.take({.copy = anew[0].copy, .end = 1000}, 10);
  ASSERT_FALSE(senseless.ok());
  EXPECT_NE(senseless.error().message.find("confirms 1000 bytes"), std::string::npos);
  EXPECT_EQ(go_on(20).size(), 1U);
}

TEST_F(StandbyFeedTest, WhatIsHeldWaitsForTheStandbyAndNotForLong) {
  int num_safe = 0;
  const auto hold = [&](double now_s) {
    write("record");
    feed_.hold(
        segments_.end(), [&] { ++num_safe; }, now_s);
  };
  hold(0);
  EXPECT_EQ(num_safe, 1) << "nobody stands by";
  begin();
  const auto first = go_on(0, true);
  hold(0);
  EXPECT_EQ(num_safe, 2) << "the copy is not whole";
  ASSERT_TRUE(confirm(first.at(0)).ok());
  hold(0);
  EXPECT_EQ(num_safe, 2);
  const auto more = go_on(0, true);
  feed_.release(0.5);
  EXPECT_EQ(num_safe, 2);
  ASSERT_TRUE(confirm(more.at(0)).ok());
  feed_.release(0.5);
  EXPECT_EQ(num_safe, 3);
  hold(1);
  feed_.release(1 + StandbyFeed::kLongestHold_s);
  EXPECT_EQ(num_safe, 4) << "a standby that says nothing";
  hold(2);
  feed_.end();
  feed_.release(2);
  EXPECT_EQ(num_safe, 5) << "a standby that is gone";
  EXPECT_FALSE(feed_.holds_any());
}

}  // namespace
}  // namespace braid
