// The server's own endpoints, by SGLang's names: /generate and what belongs to it. From bodies to plans and answers;
// they take as long as the body is large.
#pragma once

#include <string>
#include <string_view>

#include "braid/formats/json.h"
#include "braid/server/http/handler.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/prepare.h"

namespace braid {

PlanResult plan_generate(const ServedModel& model, std::string_view body, const std::string& unique);

http::Response tokenize(const ServedModel& model, std::string_view body);
http::Response detokenize(const ServedModel& model, std::string_view body);
http::Response abort_request(InFlight& in_flight, std::string_view body);
http::Response flush_cache(const ServedModel& model);
http::Response start_profile(const ServedModel& model);
http::Response stop_profile(const ServedModel& model);  // a Chrome trace
http::Response model_info(const ServedModel& model);
// `settings`: an object, shown as it is beside what the engine says of itself.
http::Response server_info(const ServedModel& model, const Json& settings);

}  // namespace braid
