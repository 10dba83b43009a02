// /health_generate: checks whether the engine still produces tokens. Tested by api_service_life_test.cc.
#pragma once

#include <memory>

#include "braid/server/http/handler.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/served_model.h"
#include "braid/server/service/task_queue.h"

namespace braid {

// Answers 200 as soon as the engine produces a token, for this check's own prompt or, while that waits, for any
// request; 503 if it produces none within `timeout_s`. `output` outlives every check.
void check_health(const ServedModel& model, TaskQueue& output, double timeout_s,
                  std::shared_ptr<http::Responder> responder, InFlight::Token in_flight);

}  // namespace braid
