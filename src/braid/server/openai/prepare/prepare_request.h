// From a parsed request to a prepared one: renders the template, tokenizes, compiles the output's grammar. This takes
// its time: call it on a worker thread. Whether the engine can run the result is checked by Engine::check(). Tested by
// prepare_request_test.cc and server/service/api_service_test.cc.
#pragma once

#include <cstdint>
#include <optional>

#include "braid/config/model_config.h"
#include "braid/request/fetched_images.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/prepare/prepared_request.h"
#include "braid/server/openai/prepare/request_model.h"
#include "braid/server/openai/write/responses.h"

namespace braid::openai {

Result<PreparedRequest, ApiError> prepare_completion(CompletionRequest request, const RequestModel& model,
                                                     ResponseHead head);
// `id_seed`: random; the ids of tool calls are made from it. `fetched`: as add_media() uses it.
Result<PreparedRequest, ApiError> prepare_chat(ChatRequest request, const RequestModel& model, ResponseHead head,
                                               uint64_t id_seed, FetchedImages& fetched);

// The engine's request. `max_tokens_default` stands in for an absent max_tokens; nullopt: to the end of the context.
GenerationRequest to_generation_request(const CommonParameters& common, Prompt prompt, bool add_special_tokens,
                                        std::optional<int32_t> max_tokens_default, const GenerationDefaults& defaults);

}  // namespace braid::openai
