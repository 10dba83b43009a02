// Whether the engine still gives tokens: /health_generate.
#pragma once

#include <memory>

#include "braid/server/http/handler.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/prepare.h"
#include "braid/server/service/task_queue.h"

namespace braid {

// Answers 200 as soon as the engine has given a token, to this request's own prompt or, where that waits behind others,
// to any; 503 if it gives none within `timeout_s`. `output` outlives every check.
void check_health(const ServedModel& model, TaskQueue& output, double timeout_s,
                  std::shared_ptr<http::Responder> responder, InFlight::Token in_flight);

}  // namespace braid
