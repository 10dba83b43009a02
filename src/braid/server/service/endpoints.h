// Answers of the endpoints that do not generate, such as OpenAI's /v1/models and SGLang's /tokenize. A large body takes
// longer. Tested by api_service_test.cc.
#pragma once

#include <string_view>

#include "braid/base/log.h"
#include "braid/formats/json.h"
#include "braid/server/http/handler.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/request_log.h"
#include "braid/server/service/served_model.h"

namespace braid {

http::Response list_models(const ServedModel& model);
http::Response show_model(const ServedModel& model, std::string_view name);
http::Response health(const ServedModel& model);

http::Response tokenize(const ServedModel& model, std::string_view body);
http::Response detokenize(const ServedModel& model, std::string_view body);
http::Response abort_request(InFlight& in_flight, std::string_view body);
// Sets what the body names, and answers with what holds now.
http::Response configure_logging(Logger& logger, RequestLog& requests, std::string_view body);
http::Response flush_cache(const ServedModel& model);
http::Response pause_generation(const ServedModel& model);
http::Response continue_generation(const ServedModel& model);
http::Response check_weights(const ServedModel& model);  // waits until all weights are read
http::Response start_profile(const ServedModel& model);
http::Response stop_profile(const ServedModel& model);  // a Chrome trace
http::Response model_info(const ServedModel& model);
// `settings`: an object; the answer has its members besides the engine's own.
http::Response server_info(const ServedModel& model, const Json& settings);

}  // namespace braid
