// The publisher of a group: what it says up is what its scheduler does.
#include "braid/engine/group_publisher.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

constexpr SchedulerConfig kPublisherConfig{
    .num_pages = 16, .page_size = 4, .context_len = 32, .max_running_requests = 4, .chunked_prefill_size = 8};

GroupCommand published_request(RequestId id, size_t prompt_len, int32_t max_new_tokens) {
  SchedulerRequest request{
      .id = id, .prompt = std::vector<TokenId>(prompt_len, static_cast<TokenId>(id)), .arrival = id};
  request.sampling.max_new_tokens = max_new_tokens;
  return {.add = {std::move(request)}};
}

std::vector<GroupCommand> commands_of(std::initializer_list<GroupCommand> commands) {
  return commands;
}

class GroupPublisherTest : public ::testing::Test {
 protected:
  GroupOutputs step() {
    const auto plan = publisher_.plan();
    CHECK(plan != nullptr);
    StepResult result{.step = plan->step};
    for (const SequencePlan& sequence : plan->sequences) {
      if (sequence.has_result()) result.sequences.push_back({.request = sequence.request, .sampled = {.token = 7}});
    }
    return publisher_.commit(result, 0.5);
  }

  GroupPublisher publisher_{kPublisherConfig};
};

TEST_F(GroupPublisherTest, OutputsCountTheCommandsThatTheyKnowOf) {
  EXPECT_EQ(publisher_.plan(), nullptr);
  EXPECT_FALSE(publisher_.report().has_value()) << "nothing has happened";
  publisher_.take(commands_of({published_request(1, 5, 2), published_request(2, 3, 2)}));
  const GroupOutputs first = step();
  EXPECT_EQ(first.load.num_commands, 2U);
  EXPECT_EQ(first.load.num_steps, 1U);
  EXPECT_EQ(first.load.step_seconds, 0.5);
  EXPECT_EQ(first.load.credits.num_requests, 2);
  EXPECT_EQ(first.load.scheduler.num_running, 2);
  ASSERT_EQ(first.outcomes.size(), 2U);
  EXPECT_EQ(first.outcomes[0].token->token, 7);
  const GroupOutputs last = step();
  EXPECT_EQ(last.outcomes[1].finish, FinishReason::kLength);
  EXPECT_TRUE(last.load.credits.is_idle);
  EXPECT_EQ(publisher_.plan(), nullptr);
  EXPECT_FALSE(publisher_.report().has_value()) << "the last outputs said it all";
}

TEST_F(GroupPublisherTest, TheShapeOfAStepCountsPromptsApartFromDecodes) {
  publisher_.take(commands_of({published_request(1, 3, 9)}));
  EXPECT_EQ(step().step->num_prefills, 1);
  publisher_.take(commands_of({published_request(2, 12, 9)}));
  const GroupOutputs mixed = step();
  EXPECT_EQ(mixed.step->num_sequences, 2);
  EXPECT_EQ(mixed.step->num_prefills, 1);
  EXPECT_EQ(mixed.step->num_prompt_tokens, 8);  // a chunk
  EXPECT_EQ(mixed.step->num_context_tokens, 4 + 8);
}

TEST_F(GroupPublisherTest, CommandsThatNoStepFollowsAreReportedAlone) {
  publisher_.take(commands_of({published_request(1, 12, 9)}));
  (void)step();
  publisher_.take(commands_of({GroupCommand{.abort = {5}, .finish = {1}, .flush_cache = true}}));
  EXPECT_EQ(publisher_.plan(), nullptr);
  const auto outputs = publisher_.report();
  ASSERT_TRUE(outputs.has_value());
  EXPECT_FALSE(outputs->step.has_value());
  EXPECT_EQ(outputs->load.num_commands, 4U);
  EXPECT_EQ(outputs->flushed_tokens, std::vector<int64_t>{8});  // the whole pages of the first chunk
  EXPECT_EQ(outputs->load.scheduler.num_free_pages, kPublisherConfig.num_pages);
}

TEST_F(GroupPublisherTest, ARequestThatCanNeverRunIsAnOutcomeBesideTheOthers) {
  publisher_.take(commands_of({published_request(1, 33, 2), published_request(2, 3, 2)}));
  const GroupOutputs outputs = step();
  ASSERT_EQ(outputs.outcomes.size(), 2U);
  EXPECT_EQ(outputs.outcomes[0].request, 1U);
  EXPECT_EQ(outputs.outcomes[0].finish, FinishReason::kError);
  EXPECT_EQ(outputs.outcomes[0].error, "prompt has 33 tokens, the context is 32");
  EXPECT_EQ(outputs.outcomes[1].token->token, 7);
}

}  // namespace
}  // namespace braid
