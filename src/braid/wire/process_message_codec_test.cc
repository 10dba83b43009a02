#include "braid/wire/process_message_codec.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/support/wire/message_maker.h"

namespace braid {
namespace {

std::vector<ProcessMessage> one_of_each() {
  ProcessReady ready{.context_len = 4096,
                     .num_kv_tokens = 100'000,
                     .max_moving_tokens = 5000,
                     .published = {1, 3},
                     .num_kept_tokens = 77};
  ready.ranks = {{.rank = 2,
                  .world = 1,
                  .group = 5,
                  .pid = 4711,
                  .kernels = "avx512_bf16",
                  .cpus = {2, 3},
                  .numa_domain = 1,
                  .memory_bytes = int64_t{5} << 30},
                 {.rank = 3}};
  ready.exchange_costs.points = {{.tokens = 1, .balanced_s = {1, 2, 3}, .one_busy_s = {4, 5, 6}},
                                 {.tokens = 8, .balanced_s = {2, 3, 4}, .one_busy_s = {5, 6, 7}}};
  ready.load.credits = {.num_requests = 7, .num_pages = 6250, .is_idle = true};
  return {ProcessHello{.world = 1,
                       .num_restarts = 3,
                       .process = 2,
                       .num_processes = 4,
                       .pid = 4711,
                       .host = "node-2",
                       .system = "b-1"},
          ready,
          ProcessFailure{.reason = "rank 3 has failed\nrank 0: waits"},
          ProcessProgress{.progress = {.num_operations = 12, .cpu_ticks = 34},
                          .ranks = {{.num_steps = 7, .step_s = 1.5, .exchange_s = 0.25, .even_work_s = 0.5}, {}}},
          ProcessProgress{.images = {.num_entries = 1,
                                     .num_in_use = 2,
                                     .bytes = 3,
                                     .num_hits = 4,
                                     .num_misses = 5,
                                     .num_evictions = 6,
                                     .num_failures = 7,
                                     .num_unshared = 8,
                                     .num_fallbacks = 9,
                                     .prepare_seconds = 12.5,
                                     .encode_seconds = 13.5,
                                     .broadcasts = {{{1, 2, 3, 4.5}, {}, {5, 6, 7, 8.5}, {}}},
                                     .batch_sizes = {1, 2, 3, 4, 5, 6, 7, 8}}},
          MaskWanted{.request = 99, .position = 5},
          ProcessStart{.last_maps = {7, 7, 9}, .exchange_costs = ready.exchange_costs, .least_context_len = 4096},
          MaskAnswer{.request = 99, .position = 5, .words = {0xffffffff, 1, 0}},
          MaskAnswer{.request = 99, .position = 6, .error = "the grammar is at its end"},
          DirectMap{.group = 2, .map = {std::byte{1}, std::byte{2}}},
          NodeHello{.node = 1, .num_nodes = 2, .pid = 99, .host = "node-1", .identity = "braid 1, model 2"},
          NodeRefusal{.reason = "another model"},
          RunOnNode{.node = 1, .world = 0, .command = "orted -mca x y"},
          RunCommand{.id = 5, .world = 0, .command = "orted"},
          CommandEnded{.id = 5, .exit_code = 137, .ending = "signal 9 (Killed)"},
          EndCommands{.world = 3},
          NodeQuestion{.id = 8},
          NodeAnswer{.id = 8, .unix_s = 1.75e9, .isa = "avx2"},
          ProfileStart{.id = 2},
          ProfileWanted{.id = 2, .is_last = true},
          ProfilePart{.id = 2,
                      .rank = 1,
                      .has_more = true,
                      .spans = {{.phase = TracePhase::kFfn, .step = 9, .begin_s = 1.5, .end_s = 2.5},
                                {},
                                {.phase = TracePhase::kOperation, .op = {.bytes = 64, .number = 2, .kind = 1}}}},
          WeightsWanted{.id = 6},
          WeightsChecked{.id = 6,
                         .num_pages = 9,
                         .num_bad_pages = 3,
                         .ranks = {{.checked_unix_s = 1.75e9,
                                    .num_pages = 7,
                                    .num_bad_pages = 3,
                                    .damaged = {{.tensors = "a, b", .num_bad_pages = 2}, {"c", 1}}},
                                   {}}},
          ClockQuestion{.id = 4},
          ClockAnswer{.id = 4, .monotonic_s = 812.25},
          NodeBeat{.isa = "avx512_bf16"},
          JournalPart{.copy = 7, .begin = 1000, .is_whole = true, .bytes = std::string("\0\1bytes", 7)},
          JournalKept{.copy = 7, .end = 1007, .refusal = "a gap"},
          FrontClaim{.node = 1, .host = "node-1"},
          NodeLeaving{},
          ProcessNews{},
          ProcessBeat{},
          ProcessStop{}};
}

TEST(ProcessMessageCodec, MessagesComeBackAsTheyWere) {
  for (const ProcessMessage& message : one_of_each()) {
    const SharedBytes encoded = encode(message);
    const auto decoded = decode_process_message(encoded.span());
    ASSERT_TRUE(decoded.ok()) << message.index() << ": " << decoded.error().message;
    EXPECT_EQ(*decoded, message) << message.index();
    std::vector<std::byte> bytes(encoded.span().begin(), encoded.span().end());
    bytes.insert(bytes.begin(), std::byte{0});  // now unaligned
    const auto shifted = decode_process_message(std::span(bytes).subspan(1));
    ASSERT_TRUE(shifted.ok()) << message.index();
    EXPECT_EQ(*shifted, message);
  }
}

// Most damaged bytes are refused; what decodes keeps the limits. (The sanitizers watch.)
TEST(ProcessMessageCodec, DamagedBytesAreRefusedOrHarmless) {
  const std::vector<ProcessMessage> messages = one_of_each();
  int num_refused = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    const SharedBytes encoded = encode(messages[seed % messages.size()]);
    std::vector<std::byte> bytes(encoded.span().begin(), encoded.span().end());
    MessageMaker(seed).damage(bytes);
    const auto decoded = decode_process_message(bytes, {.max_groups = 4, .max_mask_words = 4});
    num_refused += decoded.ok() ? 0 : 1;
    if (!decoded.ok()) continue;
    if (const auto* hello = std::get_if<ProcessHello>(&*decoded)) {
      EXPECT_TRUE(hello->process >= 0 && hello->process < hello->num_processes);
    }
    if (const auto* mask = std::get_if<MaskAnswer>(&*decoded)) {
      EXPECT_LE(mask->words.size(), 4U);
    }
    if (const auto* part = std::get_if<ProfilePart>(&*decoded)) {
      for (const TraceSpan& span : part->spans) {
        EXPECT_TRUE(static_cast<int>(span.phase) <= kNumTracePhases && span.begin_s <= span.end_s);
      }
    }
  }
  EXPECT_GT(num_refused, 1000);
}

TEST(ProcessMessageCodec, WhatIsTooLongOrSenselessIsNamed) {
  const auto error_of = [](const ProcessMessage& message, const ProcessMessageLimits& limits) {
    const auto decoded = decode_process_message(encode(message).span(), limits);
    return decoded.ok() ? "none" : decoded.error().message;
  };
  EXPECT_EQ(error_of(ProcessHello{.process = 4, .num_processes = 4}, {}), "process 4 of 4 in world 0 after 0 restarts");
  EXPECT_EQ(error_of(ProcessReady{}, {}), "ready with a context of 0 in 0 KV tokens");
  ProcessReady costly{.context_len = 1, .num_kv_tokens = 1};
  costly.exchange_costs.points = {{.tokens = -1}};
  EXPECT_EQ(error_of(costly, {}), "7 numbers that are no costs of exchanges");
  EXPECT_EQ(error_of(ProcessStart{.last_maps = {1, 2, 3}}, {.max_groups = 2}), "3 groups, at most 2 fit");
  EXPECT_EQ(error_of(ProcessStart{.least_context_len = -1}, {}), "a context of at least -1 tokens");
  EXPECT_EQ(error_of(MaskAnswer{.words = {1, 2, 3}}, {.max_mask_words = 2}), "3 words of a mask, at most 2 fit");
  EXPECT_EQ(error_of(ProcessProgress{.ranks = {{}, {}}}, {.max_ranks = 1}), "2 ranks, at most 1 fit");
  ProcessReady ready{.context_len = 1, .num_kv_tokens = 1};
  ready.ranks = {{.rank = -1}};
  EXPECT_EQ(error_of(ready, {}), "rank -1 of group 0 in world 0");
  EXPECT_EQ(error_of(NodeAnswer{.unix_s = std::numeric_limits<double>::infinity()}, {}), "an answer at no time");
  EXPECT_EQ(error_of(ClockAnswer{.monotonic_s = std::numeric_limits<double>::quiet_NaN()}, {}), "an answer at no time");
  EXPECT_EQ(error_of(WeightsChecked{.num_pages = 1, .num_bad_pages = 2}, {}), "2 bad pages of 1");
  EXPECT_EQ(error_of(WeightsChecked{.ranks = {{.num_pages = -1}}}, {}), "0 bad pages of -1");
  EXPECT_EQ(error_of(WeightsChecked{.ranks = {{.damaged = {{"a", 1}}}}}, {}), "1 bad pages of 0");
  EXPECT_EQ(error_of(WeightsChecked{.ranks = {{}, {}}}, {.max_ranks = 1}), "2 ranks, at most 1 fit");
  EXPECT_EQ(error_of(WeightsChecked{.ranks = {{.damaged = {{"long", 0}}}}}, {.max_text = 3}),
            "names of tensors of 4 bytes, at most 3 fit");
  WeightsChecked many{.ranks = {{}}};
  many.ranks.front().damaged.resize(RankWeights::kMaxDamaged + 1);
  EXPECT_EQ(error_of(many, {}), "65 damaged weights of a rank, at most 64 fit");
  EXPECT_EQ(error_of(WeightsChecked{.ranks = {{.checked_unix_s = std::numeric_limits<double>::infinity()}}}, {}),
            "weights that were checked at no time");
  EXPECT_EQ(error_of(FrontClaim{.node = 0}, {}), "node 0 claims to have taken over");
  EXPECT_EQ(error_of(JournalKept{.refusal = "long"}, {.max_text = 3}), "a refusal of 4 bytes, at most 3 fit");
  EXPECT_EQ(error_of(ProcessFailure{.reason = "long"}, {.max_text = 3}), "a reason of 4 bytes, at most 3 fit");
  EXPECT_NE(error_of(ProcessStop{}, {.max_bytes = 8}).find("at most 8 are allowed"), std::string::npos);
  const auto empty = decode_process_message({});
  ASSERT_FALSE(empty.ok());
  EXPECT_EQ(empty.error().message, "0 bytes are no message of braid");
}

}  // namespace
}  // namespace braid
