// All ranks of a process: their options, their memory, their transports, and what the log says of them.
#include "braid/worker/rank_set.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "braid/base/system_info.h"
#include "braid/hub/model_path.h"
#include "braid/scheduler/static_page_tables.h"
#include "braid/worker/rank_memory.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid {
namespace {

Checkpoint tiny_checkpoint() {
  return Checkpoint::open({.kind = ResolvedModel::Kind::kGguf, .path = testing::kTinyModel}).value();
}

RankOptions small_options(const ParallelLayout& layout) {
  return {.layout = layout, .threads_per_rank = 1, .max_running_requests = 8, .max_total_tokens = 4096};
}

// The bits of all logits of a prompt of 20 tokens, which group 0 computes.
std::vector<float> prompt_logits(RankSet& ranks) {
  constexpr int32_t kPromptLen = 20;
  const StaticPageTables pages(ranks.scheduler_config(), kPromptLen);
  std::vector<float> all;
  const Status done = ranks.on_all_ranks([&](Rank& rank, int32_t) -> Status {
    WorldStep step{.number = 1,
                   .group_tokens = std::vector<int32_t>(static_cast<size_t>(rank.place().dp_size)),
                   .num_logit_rows = kPromptLen};
    step.group_tokens[0] = kPromptLen;
    StepPlan plan;
    if (rank.place().attn_dp_rank == 0) {
      SequencePlan sequence{.page_tables = pages.tables(0, 0, kPromptLen)};
      for (TokenId token = 0; token < kPromptLen; ++token) sequence.new_tokens.push_back(40 + 3 * token);
      plan.sequences.push_back(std::move(sequence));
    }
    return rank.for_each_logits(plan, step, [&](int64_t, std::span<const float> logits) {
      if (rank.place().tp_rank == 0) all.insert(all.end(), logits.begin(), logits.end());
    });
  });
  EXPECT_TRUE(done.ok()) << done.error().message;
  return all;
}

TEST(RankSet, ComputesTheSameBitsOverSharedMemoryAndOverMessages) {
  const Checkpoint checkpoint = tiny_checkpoint();
  for (const ParallelLayout& layout :
       {ParallelLayout{.tp_size = 2}, ParallelLayout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}}) {
    const RankOptions options = small_options(layout);
    std::vector<std::vector<float>> logits;
    for (const bool shares_memory : {true, false}) {
      std::shared_ptr<const RankTransport> transport = std::make_shared<const MessageTransport>();
      if (shares_memory) transport = std::make_shared<const SharedMemoryTransport>();
      auto placed = place_own_ranks(options, std::move(transport));
      ASSERT_TRUE(placed.ok()) << placed.error().message;
      EXPECT_EQ(placed->layout.head_parallel, shares_memory ? HeadParallel::kWorld : HeadParallel::kGroup);
      const auto ranks = RankSet::load(checkpoint, options, std::move(placed).value(), make_null_logger(), {});
      ASSERT_TRUE(ranks.ok()) << ranks.error().message;
      EXPECT_EQ((*ranks)->layout().dp_size, layout.dp_size) << "no fallback";
      logits.push_back(prompt_logits(**ranks));
      if (const ThreadWorld* const world = (*ranks)->world(0)) world->abort("a rank has failed");
      ASSERT_TRUE((*ranks)->restart_world(0).ok());
      EXPECT_EQ(prompt_logits(**ranks), logits.back()) << "the same weights, and a new KV cache";
    }
    EXPECT_EQ(logits[0].size(), 20U * static_cast<size_t>(checkpoint.config().vocab_size));
    EXPECT_EQ(logits[0], logits[1]);
  }
}

std::string log_of(const ParallelLayout& layout) {
  std::ostringstream lines;
  const auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
  EXPECT_TRUE(RankSet::load(tiny_checkpoint(), small_options(layout), logger, {}).ok());
  return lines.str();
}

TEST(RankSet, TheLogHintsAtDpAttentionWhereGroupsAreReplicasOfSeveralRanks) {
  constexpr const char* kHint = "--dp-size 2 without --enable-dp-attention: 2 replicas of the model, each on 2 ranks";
  EXPECT_NE(log_of({.tp_size = 2, .dp_size = 2}).find(kHint), std::string::npos);
  EXPECT_EQ(log_of({.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}).find("without"), std::string::npos);
  EXPECT_EQ(log_of({.tp_size = 1, .dp_size = 2}).find("without"), std::string::npos);
}

// Its first world cannot carry the exchange that its memory promises.
class LimpingTransport final : public RankTransport {
 public:
  bool shares_memory() const override { return true; }
  std::unique_ptr<ThreadWorld> make_world(const ParallelLayout& layout, const WorldOptions& options) const override {
    if (num_worlds_++ == 0) return MessageTransport().make_world(layout, options);
    return SharedMemoryTransport().make_world(layout, options);
  }
  int num_worlds() const { return num_worlds_; }

 private:
  mutable int num_worlds_ = 0;
};

TEST(RankSet, GoesOnWithoutDpAttentionAndSaysWhy) {
  const RankOptions options = small_options({.tp_size = 2, .dp_size = 2, .enable_dp_attention = true});
  const auto transport = std::make_shared<const LimpingTransport>();
  std::ostringstream lines;
  const auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
  const auto ranks = RankSet::load(tiny_checkpoint(), options, place_own_ranks(options, transport).value(), logger, {});
  ASSERT_TRUE(ranks.ok()) << ranks.error().message;
  EXPECT_EQ((*ranks)->layout().groups_per_world(), 1);
  EXPECT_EQ(transport->num_worlds(), 2);
  EXPECT_NE(
      lines.str().find("the weights are loaded again, for 2 ranks without DP attention: rank 0: the head is split "
                       "over the world, and the ranks do not share memory"),
      std::string::npos)
      << lines.str();
  const auto plain = RankSet::load(tiny_checkpoint(), small_options({.tp_size = 2}), make_null_logger(), {});
  EXPECT_EQ(prompt_logits(**ranks), prompt_logits(**plain));
}

// Ranks without DP attention would fail for the same reason, after they had read the weights once more.
TEST(RankSet, AnErrorThatIsNotOfDpAttentionEndsTheLoad) {
  RankOptions options = small_options({.tp_size = 2, .dp_size = 2, .enable_dp_attention = true});
  options.attention_backend = "none";
  std::ostringstream lines;
  const auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
  const auto ranks = RankSet::load(tiny_checkpoint(), options, logger, {});
  ASSERT_FALSE(ranks.ok());
  EXPECT_NE(ranks.error().message.find("none"), std::string::npos) << ranks.error().message;
  EXPECT_EQ(lines.str().find("loaded again"), std::string::npos) << lines.str();
}

std::string options_error(const RankOptions& options) {
  const Status checked = check_rank_options(options, tiny_checkpoint().config());
  return checked.ok() ? "" : checked.error().message;
}

TEST(PlaceInOneProcess, RanksShareCpusWhereThereAreMoreOfThem) {
  const auto share = [](int32_t num_ranks) {
    const RankOptions options = small_options({.tp_size = num_ranks});
    return place_own_ranks(options, std::make_shared<const SharedMemoryTransport>())->ranks_share_cpus;
  };
  EXPECT_FALSE(share(1));
  EXPECT_TRUE(share(available_cores() + 1));
}

TEST(ChosenQuantization, SmallModelsHaveRowsOf16BitsAndFloat32ExactOnes) {
  ModelConfig config = tiny_checkpoint().config();
  config.checkpoint_dtype = DType::kBFloat16;
  const auto chosen = [&](const RankOptions& options) { return *chosen_quantization(options, config).activations; };
  config.hidden = 1023;
  EXPECT_EQ(chosen({}), ActivationBits::k16);
  EXPECT_EQ(chosen({.activation_bits = ActivationBits::k8}), ActivationBits::k8);
  config.hidden = 1024;
  EXPECT_EQ(chosen({}), ActivationBits::k8);
  EXPECT_EQ(chosen({.activation_bits = ActivationBits::kExact}), ActivationBits::kExact);
  EXPECT_EQ(chosen({.dtype = DType::kFloat32}), ActivationBits::kExact);
}

TEST(CheckRankOptions, NamesTheFlagItsValueAndWhatIsAllowed) {
  EXPECT_EQ(options_error({}), "");
  EXPECT_EQ(options_error({.page_size = 24}), "--page-size 24: must be a multiple of 16 from 16 to 4096");
  EXPECT_EQ(options_error({.chunked_prefill_size = 0}), "--chunked-prefill-size 0: must be from 1 to 65536");
  EXPECT_EQ(options_error({.max_running_requests = 0}), "--max-running-requests 0: must be from 1 to 65536");
  EXPECT_EQ(options_error({.max_total_tokens = -1}), "--max-total-tokens -1: must be at least 0 (0: by memory)");
  EXPECT_EQ(options_error({.mem_fraction_static = 1.0}), "--mem-fraction-static 1: must be above 0 and below 1");
  EXPECT_NE(options_error({.context_length = int64_t{1} << 40}), "");
}

TEST(CheckRankOptions, AStepHoldsAnImageThatMustBeWhole) {
  ModelConfig config = tiny_checkpoint().config();
  const auto error = [&](int32_t chunk) {
    const Status checked = check_rank_options({.chunked_prefill_size = chunk}, config);
    return checked.ok() ? "" : checked.error().message;
  };
  config.vision = VisionConfig{.kind = VisionKind::kSiglip, .patch_size = 14, .merge_size = 4, .image_size = 896};
  EXPECT_EQ(error(1), "") << "its tokens see only what is before them";
  config.sees_whole_images = true;
  EXPECT_EQ(error(256), "");
  EXPECT_EQ(error(255),
            "--chunked-prefill-size 255: must be at least 256, the tokens of an image, which see each other");
}

TEST(RankMemory, WeightsAndExchangeMustLeaveRoomForKeysAndValues) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  const MemoryBudget budget{.available_bytes = 10 * kGiB, .fraction = 0.5};
  EXPECT_EQ(kv_memory(budget, {}, 2 * kGiB, kGiB)->pool_bytes, 2 * kGiB);
  EXPECT_EQ(kv_memory(budget, {.kv_cache_bytes = kGiB}, 2 * kGiB, kGiB)->pool_bytes, kGiB);
  const auto full = kv_memory(budget, {}, 5 * kGiB, kGiB);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().message,
            "the weights take 5.00 GiB and the exchange 1.00 GiB, --mem-fraction-static 0.5 of the 10.00 GiB available "
            "is 5.00 GiB: more than 1.00 GiB are missing");
}

TEST(RankMemory, APoolThatIsTooSmallForAContextSaysWhatIsMissing) {
  const KvShape shape{.num_layers = 28, .num_kv_heads = 8, .head_dim = 128, .dtype = DType::kBFloat16, .page_size = 16};
  EXPECT_TRUE(check_context(shape, {.context_len = 4096}, 4096).ok());
  EXPECT_TRUE(check_context(shape, {.context_len = 4096}, 0).ok()) << "nobody asks for one";
  const Status small = check_context(shape, {.context_len = 4096}, 4096 + 9362);
  ASSERT_FALSE(small.ok());
  EXPECT_EQ(small.error().message,
            "the KV pool holds 4096 tokens, a context has 13458: about 1.00 GiB a rank are missing (--context-length "
            "says how long requests may be)");
}

TEST(RankSet, WhatDoesNotFitIsRefusedBeforeItIsRead) {
  const testing::ModelFixture fixture = testing::read_model_fixture("qwen3_tied");
  const testing::TemporaryFolder folder;
  write_checkpoint(fixture, folder.path());
  const auto checkpoint = Checkpoint::open(resolve_model_path(folder.path().string(), {}).value());
  ASSERT_TRUE(checkpoint.ok());
  bool has_read = false;
  const auto too_big = RankSet::load(*checkpoint, {.mem_fraction_static = 1e-9}, make_null_logger(),
                                     [&](int64_t, int64_t) { has_read = true; });
  ASSERT_FALSE(too_big.ok());
  EXPECT_NE(too_big.error().message.find("are missing"), std::string::npos) << too_big.error().message;
  EXPECT_FALSE(has_read);
  const auto too_short =
      RankSet::load(*checkpoint, {.least_context_len = checkpoint->config().max_position, .max_total_tokens = 16},
                    make_null_logger(), {});
  ASSERT_FALSE(too_short.ok());
  EXPECT_NE(too_short.error().message.find("the KV pool holds 16 tokens"), std::string::npos)
      << too_short.error().message;
}

TEST(RankMemory, CopiesOfRequestsThatMoveAreInTheBudget) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  const auto memory_of = [](int64_t bytes, bool moves) {
    return kv_memory({.available_bytes = 2 * bytes, .fraction = 0.5}, {.moves_requests = moves}, 0, 0).value();
  };
  EXPECT_EQ(memory_of(16'384 * kMiB, true).move_bytes, 1024 * kMiB);
  EXPECT_EQ(memory_of(16'384 * kMiB, true).pool_bytes, 15'360 * kMiB);
  EXPECT_EQ(memory_of(2048 * kMiB, true).move_bytes, 256 * kMiB);
  EXPECT_EQ(memory_of(200 * kMiB, true).move_bytes, 50 * kMiB);
  EXPECT_EQ(memory_of(16'384 * kMiB, false).move_bytes, 0);
  EXPECT_EQ(memory_of(16'384 * kMiB, false).pool_bytes, 16'384 * kMiB);
}

TEST(RankMemory, AStepCopiesABoundedNumberOfBytes) {
  KvShape shape{.num_layers = 28, .num_kv_heads = 8, .head_dim = 128, .dtype = DType::kBFloat16, .page_size = 16};
  EXPECT_EQ(moved_pages_in_step(shape), 9) << "112 KiB a token";
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  EXPECT_EQ(max_moving_tokens(shape, layout, int64_t{1} << 30, true), (1 << 20) / 112 / 2);
  EXPECT_EQ(max_moving_tokens(shape, layout, int64_t{1} << 30, false), (1 << 20) / 112 / 4)
      << "all may go to one rank, which has a quarter";
  EXPECT_EQ(moved_pages_in_piece(shape), 1);
  shape.windows = std::vector<int32_t>(28, 0);
  for (size_t i = 0; i < 14; ++i) shape.windows[i] = 512;
  EXPECT_EQ(moved_pages_in_step(shape), 18) << "a page is of one KV group";
  shape.page_size = 4096;
  EXPECT_EQ(moved_pages_in_step(shape), 1);
}

TEST(RankMemory, EachGroupRunsItsShareOfTheRequests) {
  EXPECT_EQ(group_running_requests(
                {.layout = {.tp_size = 4, .dp_size = 4, .enable_dp_attention = true}, .max_running_requests = 10}),
            3);
}

}  // namespace
}  // namespace braid
