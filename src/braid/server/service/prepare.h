// From the body of a request that generates to a prepared request: parse, check the model's name, prepare. These take
// as long as parsing, rendering and tokenizing does. Tested by api_service_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/request/fetched_images.h"
#include "braid/server/openai/prepare/prepared_request.h"
#include "braid/server/service/served_model.h"

namespace braid {

using PrepareResult = Result<openai::PreparedRequest, openai::ApiError>;

// `unique`: makes the id of a request without a rid. `fetched`: as openai::add_media() uses it.
PrepareResult prepare_completion(const ServedModel& model, std::string_view body, const std::string& unique,
                                 FetchedImages& fetched);
PrepareResult prepare_chat(const ServedModel& model, std::string_view body, const std::string& unique,
                           FetchedImages& fetched);
PrepareResult prepare_generate(const ServedModel& model, std::string_view body, const std::string& unique,
                               FetchedImages& fetched);

// What prepares the bodies of an endpoint that generates; null: there is no such path.
using Prepare = PrepareResult (*)(const ServedModel& model, std::string_view body, const std::string& unique,
                                  FetchedImages& fetched);
Prepare prepare_of(std::string_view path);

// `value` of the header X-data-parallel-rank: a hint for all prompts, unless the body has one. An error if there is no
// such group.
Result<void, openai::ApiError> apply_dp_rank_header(std::string_view value, const ServedModel& model,
                                                    openai::PreparedRequest& request);

// Checks whether the engine can run all prompts. Call it before the first one is submitted.
Result<void, openai::ApiError> check_prepared(const Engine& engine, const openai::PreparedRequest& request);

// `error`: the engine's, about this prompt of the request.
openai::ApiError to_api_error(const SubmitError& error, const openai::PreparedRequest& request, size_t prompt);

}  // namespace braid
