// A video in a request: frames that the client has chosen, as URLs of images. Tested by chat_request_test.cc and
// sglang/generate_request_test.cc.
#pragma once

#include <initializer_list>
#include <string_view>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/server/openai/parse/requests.h"

namespace braid::openai {

// `frames`: a list of URLs, or data:video/jpeg;base64,<frame>,<frame>,… `options`: the object beside them, which may
// have fps, or sample_fps as in Qwen's examples. Other keys of it but `known` ones are errors.
Result<VideoUrls> read_video_urls(const Json& frames, const Json& options,
                                  std::initializer_list<std::string_view> known);

}  // namespace braid::openai
