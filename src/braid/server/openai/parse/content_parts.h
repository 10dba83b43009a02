// The parts of a chat message's content: text and images. Tested by chat_request_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "braid/formats/json.h"
#include "braid/server/openai/parse/parameter_reader.h"

namespace braid::openai {

class ContentParts {
 public:
  // `max_images`: in one request.
  ContentParts(ParameterReader& reader, size_t max_images) : reader_(reader), max_images_(max_images) {}

  // `content` is a list of parts. Text alone becomes a string, joined by newlines. With images the parts stay, each
  // image as {"type": "image"}, and its URL is kept. Any other part is an error that names `where`.
  void convert(Json& content, const std::string& where);

  std::vector<std::string> take_image_urls() { return std::exchange(image_urls_, {}); }

 private:
  bool convert_image(Json& part, const std::string& where);

  ParameterReader& reader_;
  const size_t max_images_;
  std::vector<std::string> image_urls_;
};

}  // namespace braid::openai
