#include "braid/server/openai/parse/content_parts.h"

#include <fmt/core.h>

#include <string_view>

#include "braid/server/openai/parse/video_urls.h"

namespace braid::openai {
namespace {

const std::string* string_in(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? &found->get_ref<const std::string&>() : nullptr;
}

bool is_of_type(const Json& part, std::string_view type) {
  if (!part.is_object()) return false;
  const std::string* const own = string_in(part, "type");
  return own != nullptr && *own == type;
}

// `key` "image_url": of {"type": "image_url", "image_url": {"url": …}}, or the URL itself in place of the object. Null:
// there is none.
const Json* url_of(const Json& part, const char* key) {
  const auto given = part.find(key);
  if (given == part.end()) return nullptr;
  const auto url = given->is_object() ? given->find("url") : given;
  return given->is_object() && url == given->end() ? nullptr : &*url;
}

std::string joined_texts(const Json& parts) {
  std::string text;
  for (const Json& part : parts) {
    if (&part != &parts.front()) text += '\n';
    text += *string_in(part, "text");
  }
  return text;
}

}  // namespace

bool ContentParts::convert_image(Json& part, const std::string& where) {
  const Json* const url = url_of(part, "image_url");
  if (url == nullptr || !url->is_string()) {
    reader_.fail("messages",
                 fmt::format("{}.content has an image_url part without a url: {}", where, json_excerpt(part)));
    return false;
  }
  if (!has_room(1)) return false;
  media_.images.push_back(url->get<std::string>());
  part = {{"type", "image"}};
  return true;
}

bool ContentParts::convert_video(Json& part, const std::string& where) {
  const Json* const frames = is_of_type(part, "video") ? member(part, "video") : url_of(part, "video_url");
  auto video = read_video_urls(frames != nullptr ? *frames : Json(), part, {"type", "video", "video_url"});
  if (!video.ok()) {
    reader_.fail("messages", fmt::format("{}.content: a video {}", where, video.error().message));
    return false;
  }
  if (!has_room(video->frames.size())) return false;
  media_.videos.push_back(*std::move(video));
  part = {{"type", "video"}};
  return true;
}

bool ContentParts::has_room(size_t num_images) {
  num_images_ += num_images;
  if (num_images_ <= max_images_) return true;
  reader_.fail("messages",
               fmt::format("the messages have more than {} images (frames of videos are counted)", max_images_));
  return false;
}

void ContentParts::convert(Json& content, const std::string& where) {
  bool is_text = true;
  for (Json& part : content) {
    if (is_of_type(part, "image_url")) {
      if (!convert_image(part, where)) return;
      is_text = false;
    } else if (is_of_type(part, "video") || is_of_type(part, "video_url")) {
      if (!convert_video(part, where)) return;
      is_text = false;
    } else if (!is_of_type(part, "text") || string_in(part, "text") == nullptr) {
      return reader_.fail("messages",
                          fmt::format("{}.content has the part {}: must be {{\"type\": \"text\", \"text\": …}}, "
                                      "{{\"type\": \"image_url\", \"image_url\": {{\"url\": …}}}} or "
                                      "{{\"type\": \"video\", \"video\": [\"url\", …], \"fps\": …}}",
                                      where, json_excerpt(part)));
    }
  }
  if (is_text) content = joined_texts(content);
}

}  // namespace braid::openai
