// Images from the bytes in a request to the tokens of its answer, on a tiny vision-language model with random weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "braid/api/engine.h"
#include "braid/api/image_placer.h"
#include "tests/support/api/tiny_engine.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

using testing::generate;
using testing::Output;

constexpr const char* kProcessor = R"({"image_processor_type": "Qwen2VLImageProcessorFast", "patch_size": 4,
    "temporal_patch_size": 2, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096},
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]})";
constexpr TokenId kImageToken = 3;  // of the fixture

RequestImage testdata_image(const std::string& name) {
  std::ifstream in("src/braid/multimodal/testdata/images/" + name, std::ios::binary);
  EXPECT_TRUE(in.good()) << name;
  return {.bytes = std::make_shared<const std::string>(std::istreambuf_iterator<char>(in),
                                                       std::istreambuf_iterator<char>())};
}

GenerationRequest question(std::vector<TokenId> prompt, const std::vector<std::string>& images) {
  GenerationRequest request{.prompt = std::move(prompt)};
  for (const std::string& name : images) request.images.push_back(testdata_image(name));
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = 8;
  request.ignore_eos = true;
  return request;
}

std::vector<TokenId> ids_of(const Output& output) {
  EXPECT_EQ(output.last.finish, FinishReason::kLength) << output.last.error;
  std::vector<TokenId> ids;
  for (const SampledToken& token : output.tokens) ids.push_back(token.token);
  return ids;
}

class EngineImagesTest : public ::testing::Test {
 protected:
  EngineImagesTest() {
    testing::write_checkpoint(testing::read_model_fixture("qwen3_vl_tied"), folder_.path());
    std::ofstream(folder_.path() / "preprocessor_config.json") << kProcessor;
  }

  std::unique_ptr<Engine> load(RankOptions rank = {}) const {
    rank.dtype = DType::kFloat32;
    rank.threads_per_rank = 1;
    return testing::load_tiny_engine(
        {.source = {.model_path = folder_.path(), .tokenizer_path = testing::kTinyModel}, .rank = rank});
  }

  testing::TemporaryFolder folder_;
};

TEST_F(EngineImagesTest, AnImageTakesItsTokensInThePromptAndDecidesTheAnswer) {
  const auto engine = load();
  ASSERT_NE(engine->images(), nullptr);
  const std::vector<TokenId> prompt = {94, 71, kImageToken, 105, 131};
  GenerationRequest placed = question(prompt, {"large_40x30.png"});
  ASSERT_TRUE(engine->images()->place(placed).ok());
  const ImageSpan& span = placed.images[0].span;
  EXPECT_EQ(span.first, 2);
  EXPECT_EQ(std::ssize(std::get<std::vector<TokenId>>(placed.prompt)), 4 + span.num_tokens());

  const Output first = generate(*engine, question(prompt, {"large_40x30.png"})).at(0);
  EXPECT_EQ(first.last.usage.prompt_tokens, 4 + span.num_tokens());
  const Output other = generate(*engine, question(prompt, {"large_112x90.jpg"})).at(0);
  EXPECT_NE(ids_of(first), ids_of(other));
  EXPECT_LE(other.last.usage.cached_tokens, 2);
  const Output again = generate(*engine, question(prompt, {"large_40x30.png"})).at(0);
  EXPECT_EQ(ids_of(again), ids_of(first));
  EXPECT_GT(again.last.usage.cached_tokens, 2) << "the same image in the same place";
}

TEST_F(EngineImagesTest, EveryLayoutAndChunkGivesTheSameTokens) {
  const GenerationRequest request = question({94, kImageToken, 71, kImageToken, 105, kImageToken, 131},
                                             {"large_40x30.png", "large_112x90.jpg", "large_40x30.png"});
  const std::vector<TokenId> expected = ids_of(generate(*load(), request).at(0));
  const ParallelLayout pair{.tp_size = 2};
  const ParallelLayout groups{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  for (const RankOptions& rank : {RankOptions{.chunked_prefill_size = 5}, RankOptions{.layout = pair},
                                  RankOptions{.layout = groups, .chunked_prefill_size = 16}}) {
    const auto engine = load(rank);
    EXPECT_EQ(ids_of(generate(*engine, request).at(0)), expected);
  }
}

TEST_F(EngineImagesTest, ManyRequestsAtOnceAnswerAsAlone) {
  const auto engine = load({.max_running_requests = 4});
  const std::vector<std::string> images = {"large_40x30.png", "large_112x90.jpg", "grey_8.png", "lossy.webp"};
  std::vector<std::vector<TokenId>> alone;
  for (const std::string& image : images) {
    alone.push_back(ids_of(generate(*engine, question({94, kImageToken, 105}, {image})).at(0)));
  }
  const auto fresh = load({.max_running_requests = 4});
  constexpr size_t kRequests = 24;
  std::vector<testing::Outputs> outputs(kRequests);
  std::vector<SubmissionId> ids;
  for (size_t i = 0; i < kRequests; ++i) {
    const auto id = fresh->submit(question({94, kImageToken, 105}, {images[i % images.size()]}),
                                  [&outputs, i](const Delta& delta) { testing::take_delta(outputs[i], delta); });
    ASSERT_TRUE(id.ok()) << id.error().message;
    ids.push_back(*id);
  }
  for (const SubmissionId id : ids) fresh->wait(id);
  for (size_t i = 0; i < kRequests; ++i) EXPECT_EQ(ids_of(outputs[i].at(0)), alone[i % images.size()]) << i;
}

TEST_F(EngineImagesTest, WhatIsNoImageIsRefusedBeforeAnythingStarts) {
  const auto engine = load();
  const auto refusal = [&](const GenerationRequest& request) {
    const auto id = engine->submit(request, [](const Delta&) {});
    return id.ok() ? std::string("taken") : id.error().message;
  };
  GenerationRequest request = question({94, kImageToken}, {"large_40x30.png"});
  request.images[0].bytes = std::make_shared<const std::string>("<html>");
  EXPECT_NE(refusal(request).find("image 0: "), std::string::npos) << refusal(request);
  request.images[0].bytes = nullptr;
  EXPECT_EQ(refusal(request), "image 0: it has no bytes");
  EXPECT_NE(refusal(question({94, kImageToken, kImageToken}, {"large_40x30.png"})).find("2 times the token 3"),
            std::string::npos);
  EXPECT_NE(refusal(question({94}, {"large_40x30.png"})).find("0 times the token 3"), std::string::npos);
  request = question({94, kImageToken}, {"large_40x30.png"});
  request.sampling.prompt_logprobs_start = 0;
  EXPECT_NE(refusal(request).find("a prompt with images has none"), std::string::npos);
  EXPECT_EQ(refusal(question({94, -5}, {})), "prompt: token id -5 is outside the vocabulary of 168");
}

// The header is whole, and the rest is not: that is only seen when it is decoded.
TEST_F(EngineImagesTest, ADamagedImageEndsItsRequestAlone) {
  const auto engine = load();
  GenerationRequest damaged = question({94, kImageToken}, {"large_40x30.png"});
  damaged.images[0].bytes =
      std::make_shared<const std::string>(damaged.images[0].bytes->substr(0, damaged.images[0].bytes->size() / 2));
  testing::Outputs outputs;
  const auto id = engine->submit(damaged, [&](const Delta& delta) { testing::take_delta(outputs, delta); });
  ASSERT_TRUE(id.ok()) << id.error().message;
  const Output whole = generate(*engine, question({94, kImageToken}, {"large_40x30.png"})).at(0);
  engine->wait(*id);
  EXPECT_EQ(outputs.at(0).last.finish, FinishReason::kError);
  EXPECT_NE(outputs.at(0).last.error, "");
  EXPECT_TRUE(outputs.at(0).last.is_bad_request);
  EXPECT_EQ(ids_of(whole).size(), 8U);
}

constexpr TokenId kVideoToken = 4;  // of both fixtures

// Frames of 31 x 23 pixels.
GenerationRequest video_question(const std::vector<std::string>& frames, double fps = 2) {
  GenerationRequest request = question({94, 71, kVideoToken, 105, 131}, {});
  RequestVideo& video = request.videos.emplace_back(RequestVideo{.frames = {}, .fps = fps});
  for (const std::string& name : frames) video.frames.push_back(testdata_image(name).bytes);
  return request;
}

class EngineVideosTest : public EngineImagesTest {
 protected:
  EngineVideosTest() { testing::write_checkpoint(testing::read_model_fixture("qwen2_5_vl_flat"), folder_.path()); }
};

TEST_F(EngineVideosTest, FramesTheirOrderAndTheirTimesDecideTheAnswer) {
  const auto engine = load();
  const std::vector<std::string> frames = {"rgb_8.png", "palette_8.png", "grey_alpha_16.png"};
  const Output first = generate(*engine, video_question(frames)).at(0);
  GenerationRequest placed = video_question(frames);
  ASSERT_TRUE(engine->images()->place(placed).ok());
  ASSERT_EQ(placed.images.size(), 2U) << "pairs";
  const int32_t num_tokens = placed.images[0].span.num_tokens();
  EXPECT_EQ(first.last.usage.prompt_tokens, 4 + 2 * num_tokens);
  const Output again = generate(*engine, video_question(frames)).at(0);
  EXPECT_EQ(ids_of(again), ids_of(first));
  EXPECT_GT(again.last.usage.cached_tokens, 2 + num_tokens);
  const Output turned = generate(*engine, video_question({"palette_8.png", "rgb_8.png", "grey_alpha_16.png"})).at(0);
  EXPECT_NE(ids_of(turned), ids_of(first));
  EXPECT_LE(turned.last.usage.cached_tokens, 2);
  const Output repeated =
      generate(*engine, video_question({"rgb_8.png", "palette_8.png", "grey_alpha_16.png", "grey_alpha_16.png"})).at(0);
  EXPECT_EQ(ids_of(repeated), ids_of(first)) << "the last frame of an odd number is there twice";
  // At another rate the second pair has another time, so its tokens are computed anew.
  const Output slow = generate(*engine, video_question(frames, 0.05)).at(0);
  EXPECT_LE(slow.last.usage.cached_tokens, 2 + num_tokens);
  EXPECT_NE(ids_of(slow), ids_of(first));
}

TEST_F(EngineVideosTest, EveryLayoutAndChunkGivesTheSameTokens) {
  const GenerationRequest request = video_question({"rgb_8.png", "palette_8.png", "grey_8.png", "rgba_16.png"});
  const std::vector<TokenId> expected = ids_of(generate(*load(), request).at(0));
  const ParallelLayout groups{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  for (const RankOptions& rank : {RankOptions{.chunked_prefill_size = 5}, RankOptions{.layout = {.tp_size = 2}},
                                  RankOptions{.layout = groups, .chunked_prefill_size = 16}}) {
    EXPECT_EQ(ids_of(generate(*load(rank), request).at(0)), expected);
  }
}

TEST_F(EngineVideosTest, ATimeBehindTheContextIsRefused) {
  const auto engine = load();
  const auto id =
      engine->submit(video_question({"rgb_8.png", "palette_8.png", "grey_8.png"}, 0.001), [](const Delta&) {});
  ASSERT_FALSE(id.ok());
  EXPECT_NE(id.error().message.find("send frames with more of them a second (fps)"), std::string::npos)
      << id.error().message;
}

TEST_F(EngineVideosTest, ADamagedFrameEndsItsRequestAlone) {
  const auto engine = load();
  GenerationRequest damaged = video_question({"rgb_8.png", "grey_8.png"});
  std::shared_ptr<const std::string>& frame = damaged.videos[0].frames[1];
  frame = std::make_shared<const std::string>(frame->substr(0, frame->size() / 2));
  const Output output = generate(*engine, damaged).at(0);
  EXPECT_EQ(output.last.finish, FinishReason::kError);
  EXPECT_TRUE(output.last.is_bad_request);
  EXPECT_NE(output.last.error.find("frame 1 of a pair"), std::string::npos) << output.last.error;
  EXPECT_EQ(ids_of(generate(*engine, video_question({"rgb_8.png", "grey_8.png"})).at(0)).size(), 8U);
}

TEST_F(EngineImagesTest, AModelWithoutATowerTakesNoImages) {
  const auto engine = testing::load_tiny_engine();
  EXPECT_EQ(engine->images(), nullptr);
  const auto id = engine->submit(question({1, kImageToken}, {"large_40x30.png"}), [](const Delta&) {});
  ASSERT_FALSE(id.ok());
  EXPECT_EQ(id.error().message, "the request has images, and the model takes none");
  const auto of_video = engine->submit(video_question({"rgb_8.png"}), [](const Delta&) {});
  ASSERT_FALSE(of_video.ok());
  EXPECT_EQ(of_video.error().message, "the request has videos, and the model takes none");
}

}  // namespace
}  // namespace braid
