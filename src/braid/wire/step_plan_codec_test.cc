#include "braid/wire/step_plan_codec.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/wire/message_maker.h"

namespace braid {
namespace {

const StepPlanLimits kLimits{.max_sequences = 8,
                             .max_step_tokens = 200,
                             .context_len = 300,
                             .vocab_size = 1000,
                             .page_size = 16,
                             .kv_groups = {{.num_pages = 100}, {.window = 24, .num_pages = 50}},
                             .num_groups = 4,
                             .max_moves = 2};

TEST(StepPlanCodec, APlanComesBackAsItWas) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const StepPlan plan = MessageMaker(seed).plan();
    auto bytes = encode(plan);
    const auto decoded = decode_step_plan(bytes, kLimits);
    ASSERT_TRUE(decoded.ok()) << "seed " << seed << ": " << decoded.error().message;
    EXPECT_EQ(decoded.value(), plan) << "seed " << seed;
    bytes.insert(bytes.begin(), std::byte{0});  // now unaligned
    const auto shifted = decode_step_plan(std::span(bytes).subspan(1), kLimits);
    ASSERT_TRUE(shifted.ok());
    EXPECT_EQ(shifted.value(), plan);
  }
}

// Most damaged bytes are refused; what decodes keeps the limits. (The sanitizers watch.)
TEST(StepPlanCodec, DamagedBytesAreRefusedOrHarmless) {
  int refused = 0;
  constexpr int kRounds = 3000;
  for (uint64_t seed = 1; seed <= kRounds; ++seed) {
    MessageMaker maker(seed);
    auto bytes = encode(maker.plan());
    maker.damage(bytes);
    const auto decoded = decode_step_plan(bytes, kLimits);
    refused += decoded.ok() ? 0 : 1;
    if (!decoded.ok()) continue;
    EXPECT_LE(decoded.value().num_tokens(), kLimits.max_step_tokens);
    for (const SequencePlan& sequence : decoded.value().sequences) {
      for (size_t kv_group = 0; kv_group < 2; ++kv_group) {
        for (const PageId page : sequence.page_tables.at(kv_group).pages) {
          EXPECT_LT(page, kLimits.kv_groups[kv_group].num_pages);
        }
      }
      EXPECT_LE(static_cast<size_t>(sequence.scoring.first_new) + sequence.scoring.tokens.size(),
                sequence.new_tokens.size());
    }
  }
  EXPECT_GT(refused, kRounds / 3);
}

TEST(StepPlanCodec, ErrorsNameWhatBreaksALimit) {
  StepPlan plan;
  plan.step = 7;
  SequencePlan good;
  good.request = 5;
  good.new_tokens = {1, 2, 3};
  good.first_position = 46;
  good.page_tables = {PageTable{.pages = {4, 7, 8, 9}}, PageTable{.first_page = 1, .pages = {49, 3, 5}}};
  good.samples = true;
  good.scoring = {.first_new = 1, .tokens = {3, 4}};
  const auto error_of = [&](auto change) {
    plan.sequences = {good};
    change(plan.sequences[0]);
    const auto decoded = decode_step_plan(encode(plan), kLimits);
    return decoded.ok() ? std::string() : decoded.error().message;
  };
  EXPECT_EQ(error_of([](SequencePlan&) {}), "");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.new_tokens[1] = 1000; }),
            "step 7, request 5: new tokens: 1000 is not in [0, 1000)");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.new_tokens.clear(); }), "step 7, request 5: no new tokens");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.first_position = -1; }),
            "step 7, request 5: positions -1 to 2, the context is 300");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.first_position = std::numeric_limits<int32_t>::max(); }),
            "step 7, request 5: positions 2147483647 to 2147483650, the context is 300");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.page_tables[0].pages[0] = 100; }),
            "step 7, request 5: pages: 100 is not in [0, 100)");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.page_tables[1].pages[0] = 50; }),
            "step 7, request 5: pages: 50 is not in [0, 50)");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.page_tables[0].pages.pop_back(); }),
            "step 7, request 5: 3 pages for 49 positions, not 4");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.page_tables[1].pages.pop_back(); }),
            "step 7, request 5: 2 pages for 49 positions, not 3");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.page_tables[1].first_page = 2; }),
            "step 7, request 5: pages from 2 on, position 23 is seen");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.page_tables[0].first_page = 1; }),
            "step 7, request 5: pages from 1 on, position 0 is seen");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.page_tables[1].first_page = -1; }),
            "step 7, request 5: pages from -1 on, position 23 is seen");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.page_tables.clear(); }), "step 7, request 5: 0 page tables, 2 KV groups");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.sampling.params.temperature = -1; }),
            "step 7, request 5: a sampling parameter is out of its range");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.sampling.params.top_p = std::numeric_limits<float>::quiet_NaN(); }),
            "step 7, request 5: a sampling parameter is out of its range");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.sampling.params.prompt_logprobs_start = -2; }),
            "step 7, request 5: a sampling parameter is out of its range");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.scoring.tokens[0] = -1; }),
            "step 7, request 5: scored tokens: -1 is not in [0, 1000)");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.scoring.first_new = 2; }),
            "step 7, request 5: scores by new tokens 2 to 4, there are 3");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.scoring.first_new = -1; }),
            "step 7, request 5: scores by new tokens -1 to 1, there are 3");
  EXPECT_EQ(error_of([](SequencePlan& s) { s.scoring.top_logprobs = 1001; }),
            "step 7, request 5: 1001 alternatives to a scored token, the vocabulary is 1000");
  // An image of 2 x 3 tokens at 43, of which the new tokens are the last three.
  const ImageSpan image{.first = 43, .key = {1, 2, 3}, .grid = {.rows = 2, .cols = 3}};
  const auto image_error_of = [&](auto change) {
    return error_of([&](SequencePlan& s) {
      s.new_tokens = {-5, -6, -7};
      s.images = {image};
      s.scoring = {.first_new = 1, .tokens = {-7, 4}};
      s.sampling.prompt_tokens = {3, -5, 999};
      change(s);
    });
  };
  EXPECT_EQ(image_error_of([](SequencePlan&) {}), "");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].first = 42; }),
            "step 7, request 5: new tokens: -7 is outside of an image");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.new_tokens[1] = 8; }),
            "step 7, request 5: new tokens: 8 is in an image");
  EXPECT_EQ(image_error_of([](SequencePlan& s) {
              s.scoring = {.first_new = 0, .tokens = {-6, -7, 1000}};
            }),
            "step 7, request 5: scored tokens: 1000 is not in [0, 1000)");
  EXPECT_EQ(image_error_of([](SequencePlan& s) {
              s.scoring = {.first_new = 0, .tokens = {6, -7, 1}};
            }),
            "step 7, request 5: scored tokens: 6 is in an image");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.sampling.prompt_tokens[1] = 1000; }),
            "step 7, request 5: prompt tokens: 1000 is not below 1000");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.sampling.output_tokens = {-1}; }),
            "step 7, request 5: output tokens: -1 is not in [0, 1000)");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].first = -1; }),
            "step 7, request 5: image 0 begins at token -1, must be in [0, 49)");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].first = 49; }),
            "step 7, request 5: image 0 begins at token 49, must be in [0, 49)");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images.push_back(s.images[0]); }),
            "step 7, request 5: image 1 begins at token 43, must be in [49, 49)");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].grid.cols = 0; }),
            "step 7, request 5: image 0 has 1 x 2 x 0 tokens, the context is 300");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].grid = {.frames = 300, .rows = 300, .cols = 300}; }),
            "step 7, request 5: image 0 has 300 x 300 x 300 tokens, the context is 300");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].grid = {.rows = 1, .cols = 300}; }),
            "step 7, request 5: image 0 ends at token 343, the context is 300");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].time = 256; }), "");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].time = 257; }),
            "step 7, request 5: image 0 has the time 257 at token 43, the context is 300");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].time = -1; }),
            "step 7, request 5: image 0 has the time -1 at token 43, the context is 300");
  EXPECT_EQ(image_error_of([](SequencePlan& s) { s.images[0].continues_video = true; }),
            "step 7, request 5: image 0 at token 43 continues a video that ends at 0");
  const auto before = [](SequencePlan& s, int32_t first) {
    s.images.insert(s.images.begin(), {.first = first, .grid = {.rows = 1, .cols = 3}});
    s.images[1].continues_video = true;
  };
  EXPECT_EQ(image_error_of([&](SequencePlan& s) { before(s, 40); }), "");
  EXPECT_EQ(image_error_of([&](SequencePlan& s) { before(s, 39); }),
            "step 7, request 5: image 1 at token 43 continues a video that ends at 42");
  const auto move_error_of = [&](bool arrives, auto change) {
    StepPlan moves{.step = 7};
    auto& list = arrives ? moves.arriving : moves.leaving;
    list = {{.move = {.id = 3, .from_group = 1, .to_group = 0, .num_pages = 3}, .pages = {{8, 5}, {49}}}};
    change(list);
    const auto decoded = decode_step_plan(encode(moves), kLimits);
    return decoded.ok() ? std::string() : decoded.error().message;
  };
  for (const bool arrives : {false, true}) {
    EXPECT_EQ(move_error_of(arrives, [](auto&) {}), "");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list[0].pages[0][1] = 100; }),
              "step 7: pages that move: 100 is not in [0, 100)");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list[0].pages[1][0] = 50; }),
              "step 7: pages that move: 50 is not in [0, 50)");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list[0].pages[0].pop_back(); }), "") << "a piece of it";
    EXPECT_EQ(move_error_of(arrives,
                            [](auto& list) {
                              list[0].pages = {{}, {}};
                            }),
              "step 7: piece 0 of move 3 has 0 pages, the move 3");
    EXPECT_EQ(move_error_of(arrives,
                            [](auto& list) {
                              list[0].pages[0] = {1, 2, 3};
                            }),
              "step 7: piece 0 of move 3 has 4 pages, the move 3");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list[0].piece = 3; }),
              "step 7: piece 3 of move 3, which has 3 pages");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list[0].piece = -1; }),
              "step 7: piece -1 of move 3, which has 3 pages");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list[0].pages.pop_back(); }),
              "step 7: move 3 of 1 KV groups, there are 2");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list[0].move.num_pages = 39; }),
              "step 7: move 3 of 39 pages, the context has 38");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list[0].move.to_group = 4; }),
              "step 7: move 3 from group 1 to group 4, there are 4 groups");
    EXPECT_EQ(move_error_of(arrives, [](auto& list) { list.assign(3, list[0]); }), "step 7: 3 moves, at most 2 fit");
  }
  EXPECT_EQ(move_error_of(false, [](auto& list) { list[0].pages.clear(); }),
            "step 7: move 3 of 0 KV groups, there are 2");
  EXPECT_EQ(move_error_of(true, [](auto& list) { list[0].pages.clear(); }), "") << "they are dropped";
  plan.sequences = {good, good};
  EXPECT_EQ(decode_step_plan(encode(plan), kLimits).error().message, "step 7 lists request 5 twice");
  plan.sequences.assign(9, good);
  EXPECT_FALSE(decode_step_plan(encode(plan), kLimits).ok());
  EXPECT_FALSE(decode_step_plan({}, kLimits).ok());
}

}  // namespace
}  // namespace braid
