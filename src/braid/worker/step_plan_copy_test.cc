// A rank sees nothing of a step but its plan: executing a decoded copy of every plan elsewhere computes the same bits.
#include <gtest/gtest.h>

#include <algorithm>

#include "braid/scheduler/scheduler.h"
#include "braid/wire/step_plan_codec.h"
#include "braid/worker/plan_courier.h"
#include "braid/worker/rank_set.h"

namespace braid {
namespace {

std::unique_ptr<RankSet> load_ranks(const char* model) {
  const auto checkpoint = Checkpoint::open({.kind = ResolvedModel::Kind::kGguf, .path = model});
  CHECK(checkpoint.ok(), "{}", checkpoint.error().message);
  const RankOptions options{
      .threads_per_rank = 2, .chunked_prefill_size = 24, .max_running_requests = 8, .max_total_tokens = 256};
  auto ranks = RankSet::load(*checkpoint, options, make_null_logger(), {});
  CHECK(ranks.ok(), "{}", ranks.error().message);
  return std::move(ranks).value();
}

SchedulerRequest request_of(RequestId id) {
  SchedulerRequest request{.id = id, .arrival = id};
  for (uint64_t i = 0; i < 10 + 9 * id; ++i) request.prompt.push_back(static_cast<TokenId>((i * 37 + id) % 250));
  request.sampling.temperature = id % 2 == 0 ? 0.0F : 0.8F;
  request.sampling.repetition_penalty = id % 3 == 0 ? 1.3F : 1.0F;
  request.sampling.seed = id;
  request.sampling.max_new_tokens = 20;
  request.sampling.logprobs = true;
  request.sampling.top_logprobs = 3;
  request.sampling.prompt_logprobs_start = id % 2 == 0 ? static_cast<int32_t>(id) : -1;
  return request;
}

TEST(StepPlanCopy, ExecutesToTheSameBits) {
  for (const char* model :
       {"tests/fixtures/models/gguf_qwen3/model.gguf", "tests/fixtures/models/gguf_qwen3_moe/model.gguf"}) {
    const auto publisher = load_ranks(model);
    const auto subscriber = load_ranks(model);
    Scheduler scheduler(publisher->scheduler_config());
    for (RequestId id = 1; id <= 6; ++id) ASSERT_TRUE(scheduler.add(request_of(id)).ok());
    const StepPlanLimits limits = step_plan_limits(subscriber->scheduler_config(), subscriber->config().vocab_size, 1);
    int num_steps = 0;
    int num_tokens = 0;
    int num_scored = 0;
    while (const auto plan = scheduler.plan()) {
      const auto copy = decode_step_plan(encode(*plan), limits);
      ASSERT_TRUE(copy.ok()) << copy.error().message;
      ASSERT_EQ(*copy, *plan);
      const StepResult original = publisher->first().runner().execute(*plan);
      const StepResult copied = subscriber->first().runner().execute(*copy);
      ASSERT_EQ(original.sequences.size(), copied.sequences.size());
      for (size_t i = 0; i < original.sequences.size(); ++i) {
        EXPECT_EQ(original.sequences[i].request, copied.sequences[i].request);
        EXPECT_EQ(original.sequences[i].sampled, copied.sequences[i].sampled) << model << ", step " << num_steps;
        EXPECT_EQ(original.sequences[i].prompt_logprobs, copied.sequences[i].prompt_logprobs);
        EXPECT_EQ(original.sequences[i].error, "");
        num_scored += static_cast<int>(original.sequences[i].prompt_logprobs.size());
      }
      num_tokens += static_cast<int>(std::ranges::count_if(plan->sequences, &SequencePlan::samples));
      scheduler.commit(original);
      ++num_steps;
    }
    EXPECT_EQ(num_tokens, 6 * 20);
    EXPECT_EQ(num_scored, (28 - 2) + (46 - 4) + (64 - 6));  // prompts of 10 + 9 * id tokens, from position id on
    EXPECT_GT(num_steps, 20);                               // prompts in chunks, some waiting for pages
  }
}

}  // namespace
}  // namespace braid
