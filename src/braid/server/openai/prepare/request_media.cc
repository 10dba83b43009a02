#include "braid/server/openai/prepare/request_media.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "braid/api/image_placer.h"
#include "braid/multimodal/sources/image_source.h"

namespace braid::openai {

namespace {

using Clock = std::chrono::steady_clock;

// What one request's images may cost together.
class MediaFetcher {
 public:
  MediaFetcher(const MediaPolicy& policy, FetchedImages& fetched) : policy_(policy), fetched_(fetched) {}

  Result<std::shared_ptr<const std::string>> bytes_of(const std::string& url) {
    const bool is_named = names_image(url);
    if (is_named) {
      const auto known = fetched_.find(url);
      if (known != fetched_.end()) return known->second;
      TRY_STATUS(check_limits());
    }
    TRY(MediaBytes media, load_image_source(url, policy_));
    auto bytes = std::make_shared<const std::string>(std::move(media));
    if (is_named) fetched_.emplace(url, bytes);
    return bytes;
  }

 private:
  Status check_limits() const {
    int64_t num_bytes = 0;
    for (const auto& [url, bytes] : fetched_) num_bytes += std::ssize(*bytes);
    if (num_bytes > policy_.max_request_bytes) {
      return fail("the images that the request names have {} bytes so far, the limit is {}", num_bytes,
                  policy_.max_request_bytes);
    }
    if (Clock::now() - start_ > policy_.request_timeout) {
      return fail("the images that the request names did not arrive within {} ms, the limit",
                  policy_.request_timeout.count());
    }
    return {};
  }

  const MediaPolicy& policy_;
  FetchedImages& fetched_;
  const Clock::time_point start_ = Clock::now();
};

class EndOfWait {
 public:
  explicit EndOfWait(const MediaPolicy* policy) : policy_(policy) {}
  ~EndOfWait() {
    if (policy_ != nullptr) policy_->end_wait();
  }
  EndOfWait(const EndOfWait&) = delete;
  EndOfWait& operator=(const EndOfWait&) = delete;

 private:
  const MediaPolicy* policy_;  // null: nothing ends
};

// Whether another host must be waited for.
bool waits_for_hosts(const MediaUrls& media, const FetchedImages& fetched) {
  const auto is_missing = [&](const std::string& url) { return names_remote_image(url) && !fetched.contains(url); };
  return std::ranges::any_of(media.images, is_missing) ||
         std::ranges::any_of(media.videos,
                             [&](const VideoUrls& video) { return std::ranges::any_of(video.frames, is_missing); });
}

Result<RequestVideo> fetch_video(const VideoUrls& urls, MediaFetcher& fetcher) {
  RequestVideo video{.frames = {}, .fps = urls.fps};
  for (const std::string& url : urls.frames) {
    auto bytes = fetcher.bytes_of(url);
    if (!bytes.ok()) return fail("frame {}: {}", video.frames.size(), bytes.error().message);
    video.frames.push_back(*std::move(bytes));
  }
  return video;
}

Result<void, ApiError> fetch_media(const MediaUrls& media, const MediaPolicy& policy, const MediaParameters& parameters,
                                   FetchedImages& fetched, GenerationRequest& generation) {
  const bool waits = policy.begin_wait != nullptr && waits_for_hosts(media, fetched);
  if (waits && !policy.begin_wait()) {
    return ApiError{.status = 503,
                    .message = "too many requests wait for images that they name",
                    .type = "server_error",
                    .code = "overloaded"};
  }
  const EndOfWait end(waits ? &policy : nullptr);
  MediaFetcher fetcher(policy, fetched);
  for (size_t i = 0; i < media.images.size(); ++i) {
    const auto bytes = fetcher.bytes_of(media.images[i]);
    if (!bytes.ok()) {
      return ApiError{.message = fmt::format("image {}: {}", i, bytes.error().message), .param = parameters.images};
    }
    generation.images.push_back({.bytes = *bytes});
  }
  for (size_t i = 0; i < media.videos.size(); ++i) {
    auto video = fetch_video(media.videos[i], fetcher);
    if (!video.ok()) {
      return ApiError{.message = fmt::format("video {}: {}", i, video.error().message), .param = parameters.videos};
    }
    generation.videos.push_back(*std::move(video));
  }
  return {};
}

}  // namespace

Result<void, ApiError> check_takes_media(const MediaUrls& media, const RequestModel& model,
                                         const MediaParameters& parameters) {
  if (!media.images.empty() && model.images == nullptr) {
    return ApiError{.message = "this model takes no images", .param = parameters.images};
  }
  if (!media.videos.empty() && (model.images == nullptr || !model.images->takes_videos())) {
    return ApiError{.message = fmt::format("this model takes no videos: send text{}",
                                           model.images == nullptr ? " alone" : " and images"),
                    .param = parameters.videos};
  }
  return {};
}

std::string spell_images(std::string text, const RequestModel& model) {
  return model.images == nullptr ? text : model.images->spell(std::move(text));
}

std::vector<TokenId> plain_prompt(const GenerationRequest& generation, const RequestModel& model) {
  const auto& prompt = std::get<std::vector<TokenId>>(generation.prompt);
  return generation.images.empty() ? prompt : model.images->plain(generation);
}

Result<void, ApiError> add_media(const MediaUrls& media, const RequestModel& model, const MediaParameters& parameters,
                                 FetchedImages& fetched, GenerationRequest& generation) {
  if (media.empty()) return {};
  TRY_STATUS(check_takes_media(media, model, parameters));
  TRY_STATUS(fetch_media(media, model.media, parameters, fetched, generation));
  const Status placed = model.images->place(generation);
  if (placed.ok()) return {};
  return ApiError{.message = placed.error().message,
                  .param = media.images.empty() ? parameters.videos : parameters.images};
}

}  // namespace braid::openai
