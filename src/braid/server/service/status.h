// GET /v1/status: how the server stands, for people and for supervisors: its layout, each world of ranks with its
// restarts and its last error, the load of each DP group, and the nodes and ranks. Tested by api_service_life_test.cc.
#pragma once

#include <optional>

#include "braid/controller/engine_stats.h"
#include "braid/journal/standby_feed.h"
#include "braid/parallel/topology.h"
#include "braid/server/http/handler.h"
#include "braid/server/service/served_model.h"

namespace braid {

// What a rank's weights were found to be, as members of an object.
Json rank_weights(const RankWeights& weights);

// The node that takes over when this one is gone.
struct StandbyStatus {
  int32_t node = 0;
  StandbyStats copy;  // that it has of the journal
};

// `settings`: of /get_server_info; its version is shown. `standby`: absent: no node stands by. `uptime_s`: of the
// server.
http::Response server_status(const ServedModel& model, const Json& settings,
                             const std::optional<StandbyStatus>& standby, double uptime_s);

}  // namespace braid
