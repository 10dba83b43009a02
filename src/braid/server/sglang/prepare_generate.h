// From a parsed body of /generate to a prepared request. Tested by server/service/api_service_test.cc.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/request/fetched_images.h"
#include "braid/server/openai/prepare/prepared_request.h"
#include "braid/server/openai/prepare/request_model.h"
#include "braid/server/sglang/generate_request.h"

namespace braid::sglang {

// `unique`: the id of a request without a rid. `fetched`: as openai::add_media() uses it.
Result<openai::PreparedRequest, openai::ApiError> prepare_generate(GenerateRequest request,
                                                                   const openai::RequestModel& model,
                                                                   const std::string& unique, FetchedImages& fetched);

}  // namespace braid::sglang
