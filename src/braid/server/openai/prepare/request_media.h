// Fetches a request's images and videos, and puts them into its prompt. Tested by tests/e2e/test_images.py,
// tests/e2e/test_videos.py and server/service/remote_images_test.cc.
#pragma once

#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/fetched_images.h"
#include "braid/request/generation.h"
#include "braid/server/openai/api_error.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/prepare/request_model.h"

namespace braid::openai {

// The parameters of a body that have the URLs.
struct MediaParameters {
  const char* images;
  const char* videos;
};

// An error if the model does not take what the request has.
Result<void, ApiError> check_takes_media(const MediaUrls& media, const RequestModel& model,
                                         const MediaParameters& parameters);

// A prompt's text as the model's tokenizer takes it if it has images.
std::string spell_images(std::string text, const RequestModel& model);

// Sets the images of `generation`, whose prompt is token ids, from the URLs of images and of videos' frames, and their
// tokens in the prompt. Waits for what is fetched; what is in `fetched` is not fetched again, and what is fetched is
// added to it.
Result<void, ApiError> add_media(const MediaUrls& media, const RequestModel& model, const MediaParameters& parameters,
                                 FetchedImages& fetched, GenerationRequest& generation);

// The prompt's token ids as a client may see them.
std::vector<TokenId> plain_prompt(const GenerationRequest& generation, const RequestModel& model);

}  // namespace braid::openai
