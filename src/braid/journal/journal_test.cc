#include "braid/journal/journal.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "braid/base/clock.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open(JournalOptions options = {}) {
    options.folder = folder_.path().string();
    return Journal::open(options, make_null_logger()).value();
  }

  static JournaledRequest request(const std::string& key) {
    return {.key = key, .rid = "rid of " + key, .path = "/generate", .body = "{}", .prompt = {1}};
  }
  static JournaledDelta delta(const std::string& key, int64_t index, FinishReason finish = FinishReason::kNone) {
    return {.key = key,
            .index = index,
            .time_s = unix_seconds(),
            .delta = {.tokens = {{.token = static_cast<TokenId>(index), .top_logprobs = {}}}, .finish = finish}};
  }

  testing::TemporaryFolder folder_;
};

TEST_F(JournalTest, TheNextProcessFindsWhatWasOpenAndWhatHasEnded) {
  {
    const auto journal = open();
    EXPECT_TRUE(journal->take_found().empty());
    for (const char* key : {"open", "ended", "forgotten"}) journal->add(request(key));
    for (int64_t i = 0; i < 5; ++i) journal->add(delta("open", i));
    journal->add(delta("ended", 0));
    journal->add(delta("ended", 1, FinishReason::kStop));
    journal->add(delta("forgotten", 0));
    journal->add(JournaledEnd{.key = "forgotten"});
    journal->add(delta("unknown", 0));
  }
  for (int process = 0; process < 2; ++process) {  // what one finds the next one finds, too
    const auto found = open()->take_found();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].request.rid, "rid of open");
    EXPECT_FALSE(found[0].has_ended());
    ASSERT_EQ(found[0].deltas.size(), 5U);
    EXPECT_EQ(found[0].deltas[4].tokens[0].token, 4);
    EXPECT_TRUE(found[1].has_ended());
    EXPECT_EQ(found[1].deltas[1].finish, FinishReason::kStop);
  }
}

TEST_F(JournalTest, DeltasBehindAGapAreLeftOut) {
  {
    const auto journal = open();
    journal->add(request("a"));
    for (const int64_t index : {0, 1, 3, 4}) journal->add(delta("a", index));
  }
  EXPECT_EQ(open()->take_found().at(0).deltas.size(), 2U);
}

TEST_F(JournalTest, WhatEndedLongAgoIsForgotten) {
  {
    const auto journal = open();
    journal->add(request("a"));
    JournaledDelta last = delta("a", 0, FinishReason::kLength);
    last.time_s -= 100;
    journal->add(last);
  }
  EXPECT_TRUE(open({.keep_s = 50})->take_found().empty());
}

TEST_F(JournalTest, ARequestThatGetsNothingInTwoProcessesIsSetAside) {
  open()->add(request("poison"));
  EXPECT_EQ(open()->take_found().size(), 1U);
  open()->add(request("innocent"));
  auto journal = open();
  ASSERT_EQ(journal->take_found().size(), 1U) << "poison has been tried twice";
  journal->add(delta("innocent", 0));
  journal = nullptr;
  for (int process = 0; process < 2; ++process) EXPECT_EQ(open()->take_found().size(), 1U) << "it got a token";
  EXPECT_TRUE(open()->take_found().empty());
}

TEST_F(JournalTest, AFullDiskIsCountedAndNoFailure) {
  const auto journal = open();
  journal->add(request("a"));
  for (int i = 0; i < 1000 && journal->stats().num_bytes == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{.rlim_cur = static_cast<rlim_t>(journal->stats().num_bytes) + 10, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  journal->add(delta("a", 0));
  for (int i = 0; i < 1000 && journal->stats().num_dropped_records == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)std::signal(SIGXFSZ, handler);
  EXPECT_EQ(journal->stats().num_dropped_records, 1U);
  journal->add(request("b"));
}

TEST_F(JournalTest, AFullQueueDropsRecordsInsteadOfWaiting) {
  const auto journal = open({.max_waiting_bytes = 100});
  journal->add(request("a"));
  EXPECT_EQ(journal->stats().num_dropped_records, 1U);
}

}  // namespace
}  // namespace braid
