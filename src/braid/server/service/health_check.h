// /health_generate: checks whether the server's threads and the engine still produce tokens. Tested by
// api_service_life_test.cc and api_service_overload_test.cc.
#pragma once

#include <memory>

#include "braid/server/http/handler.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/served_model.h"
#include "braid/server/service/task_queue.h"

namespace braid {

// Answers 200 as soon as the engine produces a token, for this check's own prompt or, while that waits, for any
// request; 503 if it produces none within `timeout_s`. The prompt goes the way of all requests, through `workers`. Both
// queues outlive every check.
void check_health(const ServedModel& model, TaskQueue& workers, TaskQueue& output, double timeout_s,
                  std::shared_ptr<http::Responder> responder, InFlight::Token in_flight);

}  // namespace braid
