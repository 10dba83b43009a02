// The parts of a chat message's content: text, images and videos. Tested by chat_request_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "braid/formats/json.h"
#include "braid/server/openai/parse/parameter_reader.h"
#include "braid/server/openai/parse/requests.h"

namespace braid::openai {

class ContentParts {
 public:
  // `max_images`: in one request, and frames of videos.
  ContentParts(ParameterReader& reader, size_t max_images) : reader_(reader), max_images_(max_images) {}

  // `content` is a list of parts. Text alone becomes a string, joined by newlines. With images or videos the parts
  // stay, these as {"type": "image"} and {"type": "video"}, and their URLs are kept. Any other part is an error that
  // names `where`.
  void convert(Json& content, const std::string& where);

  MediaUrls take_media() { return std::exchange(media_, {}); }

 private:
  bool convert_image(Json& part, const std::string& where);
  bool convert_video(Json& part, const std::string& where);
  // Whether so many more fit.
  bool has_room(size_t num_images);

  ParameterReader& reader_;
  const size_t max_images_;
  size_t num_images_ = 0;  // and frames
  MediaUrls media_;
};

}  // namespace braid::openai
