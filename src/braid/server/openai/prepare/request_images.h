// Fetches a request's images, and puts them into its prompt. Tested by tests/e2e/test_images.py.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/fetched_images.h"
#include "braid/request/generation.h"
#include "braid/server/openai/api_error.h"
#include "braid/server/openai/prepare/request_model.h"

namespace braid::openai {

// For a request with images to a model that takes none. `param`: the body's parameter that has them.
ApiError takes_no_images(std::string param);

// A prompt's text as the model's tokenizer takes it if it has images.
std::string spell_images(std::string text, const RequestModel& model);

// Sets the images of `generation`, whose prompt is token ids, from their URLs, and their tokens in the prompt. `param`:
// the body's parameter that the URLs came from. Waits for what is fetched; what is in `fetched` is not fetched again,
// and what is fetched is added to it.
Result<void, ApiError> add_images(std::span<const std::string> urls, const RequestModel& model,
                                  const std::string& param, FetchedImages& fetched, GenerationRequest& generation);

// The prompt's token ids as a client may see them.
std::vector<TokenId> plain_prompt(const GenerationRequest& generation, const RequestModel& model);

}  // namespace braid::openai
