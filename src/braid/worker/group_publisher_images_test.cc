// The publisher of a group whose requests wait for images.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/worker/group_publisher.h"
#include "tests/support/worker/counted_result.h"
#include "tests/support/worker/published_requests.h"

namespace braid {
namespace {

using testing::commands_of;
using testing::kPublisherConfig;
using testing::published_request;

// Images that are made when a test says so.
class FakeDesk final : public ImageDesk {
 public:
  void want(RequestId request, std::span<const RequestImage> images) override { in_use[request] = images.size(); }
  void release(RequestId request) override { EXPECT_EQ(in_use.erase(request), 1U) << request; }
  std::optional<ImagesState> state(RequestId request) override {
    const auto found = states.find(request);
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }

  std::map<RequestId, size_t> in_use;  // images of each request
  std::map<RequestId, ImagesState> states;
};

// A prompt of one image and a token behind it.
GroupCommand request_with_image(RequestId id, int32_t num_tokens) {
  GroupCommand command = published_request(id, static_cast<size_t>(num_tokens) + 1, 2);
  SchedulerRequest& request = command.add.front();
  RequestImage image{.bytes = std::make_shared<const std::string>("image"),
                     .span = {.first = 0, .key = {static_cast<uint8_t>(id)}, .grid = {.rows = 1, .cols = num_tokens}}};
  for (int32_t i = 0; i < num_tokens; ++i)
    request.prompt[static_cast<size_t>(i)] = placeholder_token(image.span.key, i);
  request.images = {image};
  return command;
}

class ImagesOfGroupTest : public ::testing::Test {
 protected:
  GroupOutputs step() {
    const auto plan = publisher_.plan();
    CHECK(plan != nullptr);
    return publisher_.commit(testing::counted_result(*plan, 7), 0.5);
  }

  FakeDesk desk_;
  GroupPublisher publisher_{kPublisherConfig, {}, &desk_};
};

TEST_F(ImagesOfGroupTest, ARequestStartsOnceItsImagesAreThereAndOthersGoAhead) {
  publisher_.take(commands_of({request_with_image(1, 3), published_request(2, 4, 2)}));
  const auto plan = publisher_.plan();
  ASSERT_NE(plan, nullptr);
  ASSERT_EQ(plan->sequences.size(), 1U) << "the other one does not wait for the image";
  EXPECT_EQ(plan->sequences[0].request, 2U);
  EXPECT_TRUE(publisher_.awaits_images());
  const GroupOutputs outputs = publisher_.commit(testing::counted_result(*plan, 7), 0.5);
  EXPECT_EQ(outputs.load.scheduler.num_waiting, 1);
  EXPECT_EQ(outputs.load.credits.num_requests, 2) << "it has its place already";
  desk_.states[1] = {};
  const auto with_image = publisher_.plan();
  ASSERT_EQ(with_image->sequences.size(), 2U);
  EXPECT_EQ(with_image->sequences[1].request, 1U);
  ASSERT_EQ(with_image->sequences[1].images.size(), 1U);
  EXPECT_EQ(with_image->sequences[1].images[0].num_tokens(), 3);
  EXPECT_FALSE(publisher_.awaits_images());
  EXPECT_EQ(desk_.in_use.size(), 1U);
  publisher_.commit(testing::counted_result(*with_image, 7), 0.5);
  step();
  EXPECT_TRUE(desk_.in_use.empty()) << "released with the request's end";
}

TEST_F(ImagesOfGroupTest, NothingIsPlannedWhileAllWait) {
  publisher_.take(commands_of({request_with_image(1, 3)}));
  EXPECT_EQ(publisher_.plan(), nullptr);
  EXPECT_TRUE(publisher_.report().has_value());
  EXPECT_FALSE(publisher_.load().credits.is_idle);
}

TEST_F(ImagesOfGroupTest, AnImageThatCannotBeMadeEndsItsRequestAlone) {
  publisher_.take(commands_of({request_with_image(1, 3), request_with_image(2, 3)}));
  desk_.states[1] = ImagesError{"not an image"};
  desk_.states[2] = {};
  const GroupOutputs outputs = step();
  ASSERT_EQ(outputs.outcomes.size(), 2U);
  EXPECT_EQ(outputs.outcomes[0].request, 1U);
  EXPECT_EQ(outputs.outcomes[0].finish, FinishReason::kError);
  EXPECT_EQ(outputs.outcomes[0].error, "not an image");
  EXPECT_TRUE(outputs.outcomes[0].is_bad_request);
  EXPECT_EQ(outputs.outcomes[1].request, 2U);
  EXPECT_EQ(outputs.outcomes[1].finish, FinishReason::kNone);
  EXPECT_EQ(desk_.in_use.count(1), 0U);
}

TEST_F(ImagesOfGroupTest, AnErrorWithoutAStepIsReported) {
  publisher_.take(commands_of({request_with_image(1, 3)}));
  (void)publisher_.report();
  desk_.states[1] = ImagesError{.message = "it hangs", .is_bad_request = false};
  EXPECT_EQ(publisher_.plan(), nullptr);
  const auto outputs = publisher_.report();
  ASSERT_TRUE(outputs.has_value());
  ASSERT_EQ(outputs->outcomes.size(), 1U);
  EXPECT_FALSE(outputs->outcomes[0].is_bad_request);
  EXPECT_TRUE(outputs->load.credits.is_idle);
}

TEST_F(ImagesOfGroupTest, AnAbortedRequestReleasesItsImages) {
  publisher_.take(commands_of({request_with_image(1, 3)}));
  publisher_.take(commands_of({GroupCommand{.abort = {1}}}));
  EXPECT_TRUE(desk_.in_use.empty());
  EXPECT_FALSE(publisher_.awaits_images());
  EXPECT_EQ(publisher_.plan(), nullptr);
}

}  // namespace
}  // namespace braid
