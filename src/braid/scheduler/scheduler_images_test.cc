// Images that no step may cut: a model whose image tokens see each other.
#include <gtest/gtest.h>

#include <random>

#include "braid/scheduler/scheduler.h"
#include "tests/support/scheduler/scheduled_group.h"

namespace braid {
namespace {

SchedulerConfig config_with_images(int32_t chunk) {
  return {.num_pages = 200,
          .page_size = 4,
          .context_len = 400,
          .max_running_requests = 8,
          .chunked_prefill_size = chunk,
          .keeps_images_whole = true};
}

ImageSpan image_of(int32_t first, int32_t num_tokens, uint8_t number = 1) {
  ImageSpan image{.first = first, .grid = {.rows = 1, .cols = num_tokens}};
  image.key.fill(number);
  return image;
}

SchedulerRequest request_with(RequestId id, int32_t prompt_len, const std::vector<ImageSpan>& images) {
  SchedulerRequest request{.id = id, .arrival = id};
  for (int32_t i = 0; i < prompt_len; ++i) request.prompt.push_back(static_cast<TokenId>(1000 * id) + i);
  for (const ImageSpan& image : images) {
    for (int32_t i = 0; i < image.num_tokens(); ++i) {
      request.prompt[static_cast<size_t>(image.first + i)] = placeholder_token(image.key, i);
    }
    request.images.push_back({.span = image});
  }
  request.sampling.max_new_tokens = 2;
  return request;
}

// Its images have been made.
void add_to(ScheduledGroup& group, const SchedulerRequest& request) {
  group.tokens[request.id] = request.prompt;
  ASSERT_TRUE(group.scheduler.add(request).ok());
  ASSERT_TRUE(group.scheduler.images_are_there(request.id));
}

// Runs to the end. Returns how many of request 1's prompt tokens each step computed.
std::vector<size_t> steps_of(ScheduledGroup& group) {
  std::vector<size_t> steps;
  while (group.step()) {
    for (const SequencePlan& sequence : group.plan.sequences) {
      if (sequence.request == 1 && sequence.sampling.num_output_tokens == 0)
        steps.push_back(sequence.new_tokens.size());
    }
  }
  group.scheduler.check_idle_invariants();
  return steps;
}

TEST(SchedulerImages, NoStepEndsWithinAnImage) {
  for (const bool whole : {true, false}) {
    SchedulerConfig config = config_with_images(8);
    config.keeps_images_whole = whole;
    ScheduledGroup group(config);
    add_to(group, request_with(1, 30, {image_of(5, 6), image_of(14, 8), image_of(22, 3)}));
    // Text, then the first image with the text behind it, …
    EXPECT_EQ(steps_of(group), whole ? (std::vector<size_t>{5, 8, 1, 8, 8}) : (std::vector<size_t>{8, 8, 8, 6}));
  }
}

TEST(SchedulerImages, AnImageThatNoStepHoldsIsRefused) {
  Scheduler scheduler(config_with_images(8));
  EXPECT_TRUE(scheduler.add(request_with(1, 30, {image_of(5, 8)})).ok());
  const Status refused = scheduler.add(request_with(2, 30, {image_of(5, 9)}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "an image of 9 tokens, which one step must compute: it has at most 8 (--chunked-prefill-size)");
}

// Behind a long prompt, short ones take a share of each step. What is left would never hold the image.
TEST(SchedulerImages, TheFirstSequencesImageMayTakeTheWholeStep) {
  ScheduledGroup group(config_with_images(8));
  add_to(group, request_with(1, 60, {image_of(8, 8), image_of(16, 8), image_of(24, 8)}));
  for (RequestId id = 2; id < 8; ++id) add_to(group, request_with(id, 5, {}));
  const std::vector<size_t> steps = steps_of(group);
  ASSERT_GE(steps.size(), 6U);
  int64_t end = 0;
  for (const size_t step : steps) {
    end += static_cast<int64_t>(step);
    EXPECT_TRUE(end <= 8 || end == 16 || end == 24 || end >= 32) << end;
  }
}

// A sequence of which a part of an image is in the prefix cache goes on within it.
TEST(SchedulerImages, TheRestOfACachedImageIsComputedAtOnce) {
  ScheduledGroup group(config_with_images(8));
  const SchedulerRequest first = request_with(1, 20, {image_of(2, 7)});
  const SchedulerRequest second = request_with(1, 11, {image_of(2, 7)});
  add_to(group, first);
  EXPECT_EQ(steps_of(group), (std::vector<size_t>{2, 8, 8, 2}));
  add_to(group, second);
  EXPECT_EQ(steps_of(group), (std::vector<size_t>{3})) << "8 of 11 are cached, of the image 6 of 7";
}

// Random loads: with and without preemption all requests end, and every plan's images are whole.
TEST(SchedulerImages, RandomLoadsEndWithWholeImages) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    SchedulerConfig config = config_with_images(pick(7, 30));
    config.num_pages = pick(30, 60);
    config.context_len = 100;
    ScheduledGroup group(config);
    const int num_requests = pick(3, 12);
    for (int i = 1; i <= num_requests; ++i) {
      std::vector<ImageSpan> images;
      int end = 0;
      while (images.size() < 3) {
        const ImageSpan image = image_of(end + pick(0, 9), pick(1, 7), static_cast<uint8_t>(pick(1, 3)));
        images.push_back(image);
        end = image.end();
      }
      add_to(group, request_with(static_cast<RequestId>(i), end + pick(1, 20), images));
    }
    int num_steps = 0;
    while (group.step()) {
      ASSERT_LT(++num_steps, 2000);
      EXPECT_LE(group.plan.num_tokens(), max_step_tokens(config));
      for (const SequencePlan& sequence : group.plan.sequences) {
        const int64_t end = sequence.first_position + std::ssize(sequence.new_tokens);
        for (const ImageSpan& image : sequence.images) EXPECT_LE(image.end(), end);
      }
    }
    EXPECT_EQ(std::ssize(group.last), num_requests);
    group.scheduler.check_idle_invariants();
  }
}

}  // namespace
}  // namespace braid
