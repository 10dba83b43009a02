// GET /v1/status: how the server stands, for people and for supervisors: its layout, each world of ranks with its
// restarts and its last error, the load of each DP group, and the nodes and ranks. Tested by api_service_life_test.cc.
#pragma once

#include "braid/controller/engine_stats.h"
#include "braid/parallel/topology.h"
#include "braid/server/http/handler.h"
#include "braid/server/service/served_model.h"

namespace braid {

// `settings`: of /get_server_info; its version is shown. `uptime_s`: of the server.
http::Response server_status(const ServedModel& model, const Json& settings, double uptime_s);

}  // namespace braid
