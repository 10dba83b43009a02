#include "braid/server/openai/parse/content_parts.h"

#include <fmt/core.h>

#include <string_view>

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

// {"type": "image_url", "image_url": {"url": …}}, or the URL itself in place of the object.
const std::string* image_url_of(const Json& part) {
  if (const std::string* url = string_in(part, "image_url")) return url;
  const auto object = part.find("image_url");
  return object != part.end() && object->is_object() ? string_in(*object, "url") : nullptr;
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
  const std::string* const url = image_url_of(part);
  if (url == nullptr) {
    reader_.fail("messages",
                 fmt::format("{}.content has an image_url part without a url: {}", where, json_excerpt(part)));
    return false;
  }
  if (image_urls_.size() == max_images_) {
    reader_.fail("messages", fmt::format("the messages have more than {} images", max_images_));
    return false;
  }
  image_urls_.push_back(*url);
  part = {{"type", "image"}};
  return true;
}

void ContentParts::convert(Json& content, const std::string& where) {
  bool has_image = false;
  for (Json& part : content) {
    if (is_of_type(part, "image_url")) {
      if (!convert_image(part, where)) return;
      has_image = true;
    } else if (!is_of_type(part, "text") || string_in(part, "text") == nullptr) {
      return reader_.fail("messages",
                          fmt::format("{}.content has the part {}: must be {{\"type\": \"text\", \"text\": …}} or "
                                      "{{\"type\": \"image_url\", \"image_url\": {{\"url\": …}}}}",
                                      where, json_excerpt(part)));
    }
  }
  if (!has_image) content = joined_texts(content);
}

}  // namespace braid::openai
