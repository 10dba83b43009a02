#include "braid/controller/assignments.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid {
namespace {

constexpr int32_t kNumAssignmentGroups = 3;

class Assignments : public ::testing::Test {
 protected:
  static std::vector<GroupLoad> loads() {
    const Credits credits{.num_requests = 8, .num_pages = 1 << 20, .page_size = 16, .is_idle = true};
    return std::vector<GroupLoad>(kNumAssignmentGroups, GroupLoad{.scheduler = {}, .credits = credits});
  }
  void bind(int32_t group, size_t prompt_len) {
    auto submission = std::make_shared<Submission>();
    submission->id = ++num_submissions_;
    submission->request.prompt = std::vector<TokenId>(prompt_len, 1);
    submission->request.dp_rank = group;
    submission->request.dp_rank_strict = true;
    submission->on_delta = [](const Delta&) {};
    controller_.open(submission);
    controller_.dispatch(0);
  }
  // "0:1 2:2 | 1:0* " is a map with one request for group 0 and two for group 2, then a map that flushes group 1.
  std::string told(int64_t max_map_tokens = kMaxMapTokens) {
    std::string text;
    for (const std::vector<GroupCommand>& map : take_assignments(controller_, max_map_tokens)) {
      if (!text.empty()) text += "| ";
      for (const GroupCommand& command : map) {
        text += fmt::format("{}:{}{} ", command.group, command.add.size(), command.flush_cache ? "*" : "");
      }
    }
    return text;
  }

  std::unique_ptr<Tokenizer> tokenizer_ = testing::load_tiny_tokenizer();
  MaskWorker masks_;
  Controller controller_{*tokenizer_, masks_, SchedulePolicy::kFcfs, LoadBalanceMethod::kRoundRobin, loads(), nullptr};
  SubmissionId num_submissions_ = 0;
};

TEST_F(Assignments, OneMapCarriesTheCommandsOfAllGroups) {
  EXPECT_EQ(told(), "");
  bind(2, 10);
  bind(0, 10);
  bind(2, 10);
  EXPECT_EQ(told(), "0:1 2:2 ");
  EXPECT_EQ(told(), "") << "nothing is said twice";
}

TEST_F(Assignments, AFlushThatFollowsAFlushIsInAMapOfItsOwn) {
  bind(1, 10);
  controller_.flush([](int64_t) {});
  controller_.flush([](int64_t) {});
  EXPECT_EQ(told(), "0:0* 1:1* 2:0* | 0:0* 1:0* 2:0* ");
}

TEST_F(Assignments, ManyLongPromptsTakeSeveralMaps) {
  for (const int32_t group : {0, 1, 2}) bind(group, 10);
  EXPECT_EQ(told(25), "0:1 1:1 | 2:1 ");
  bind(1, 100);
  EXPECT_EQ(told(25), "1:1 ") << "one prompt is never split";
}

TEST_F(Assignments, LongPromptsOfOneGroupTakeSeveralCommands) {
  constexpr auto kTwoThirds = static_cast<size_t>(2 * GroupLedger::kMaxCommandTokens / 3);
  for (int i = 0; i < 2; ++i) bind(0, kTwoThirds);
  bind(1, 10);
  EXPECT_EQ(told(), "0:1 1:1 | 0:1 ");
}

}  // namespace
}  // namespace braid
