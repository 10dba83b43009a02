#include "braid/server/openai/prepare/request_images.h"

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
  TRY(const MediaBytes media, load_image_source(url, policy));
  auto bytes = std::make_shared<const std::string>(media.begin(), media.end());
  if (is_named) fetched.emplace(url, bytes);
  return bytes;
}

}  // namespace

ApiError takes_no_images(std::string param) {
  return {.message = "this model takes no images", .param = std::move(param)};
}

std::string spell_images(std::string text, const RequestModel& model) {
  return model.images == nullptr ? text : model.images->spell(std::move(text));
}

std::vector<TokenId> plain_prompt(const GenerationRequest& generation, const RequestModel& model) {
  const auto& prompt = std::get<std::vector<TokenId>>(generation.prompt);
  return generation.images.empty() ? prompt : model.images->plain(prompt);
}

Result<void, ApiError> add_images(std::span<const std::string> urls, const RequestModel& model,
                                  const std::string& param, FetchedImages& fetched, GenerationRequest& generation) {
  if (urls.empty()) return {};
  if (model.images == nullptr) return takes_no_images(param);
  for (size_t i = 0; i < urls.size(); ++i) {
    const auto bytes = image_bytes(urls[i], model.media, fetched);
    if (!bytes.ok()) return ApiError{.message = fmt::format("image {}: {}", i, bytes.error().message), .param = param};
    generation.images.push_back({.bytes = *bytes});
  }
  const Status placed = model.images->place(generation);
  if (!placed.ok()) return ApiError{.message = placed.error().message, .param = param};
  return {};
}

}  // namespace braid::openai
