#include "braid/server/openai/prepare/request_media.h"

#include <fmt/core.h>

#include <memory>
#include <utility>

#include "braid/api/image_placer.h"
#include "braid/multimodal/sources/image_source.h"

namespace braid::openai {

namespace {

Result<std::shared_ptr<const std::string>> image_bytes(const std::string& url, const MediaPolicy& policy,
                                                       FetchedImages& fetched) {
  const bool is_named = names_image(url);
  const auto known = is_named ? fetched.find(url) : fetched.end();
  if (known != fetched.end()) return known->second;
  TRY(MediaBytes media, load_image_source(url, policy));
  auto bytes = std::make_shared<const std::string>(std::move(media));
  if (is_named) fetched.emplace(url, bytes);
  return bytes;
}

Result<RequestVideo> fetch_video(const VideoUrls& urls, const MediaPolicy& policy, FetchedImages& fetched) {
  RequestVideo video{.frames = {}, .fps = urls.fps};
  for (const std::string& url : urls.frames) {
    auto bytes = image_bytes(url, policy, fetched);
    if (!bytes.ok()) return fail("frame {}: {}", video.frames.size(), bytes.error().message);
    video.frames.push_back(*std::move(bytes));
  }
  return video;
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
  for (size_t i = 0; i < media.images.size(); ++i) {
    const auto bytes = image_bytes(media.images[i], model.media, fetched);
    if (!bytes.ok()) {
      return ApiError{.message = fmt::format("image {}: {}", i, bytes.error().message), .param = parameters.images};
    }
    generation.images.push_back({.bytes = *bytes});
  }
  for (size_t i = 0; i < media.videos.size(); ++i) {
    auto video = fetch_video(media.videos[i], model.media, fetched);
    if (!video.ok()) {
      return ApiError{.message = fmt::format("video {}: {}", i, video.error().message), .param = parameters.videos};
    }
    generation.videos.push_back(*std::move(video));
  }
  const Status placed = model.images->place(generation);
  if (placed.ok()) return {};
  return ApiError{.message = placed.error().message,
                  .param = media.images.empty() ? parameters.videos : parameters.images};
}

}  // namespace braid::openai
