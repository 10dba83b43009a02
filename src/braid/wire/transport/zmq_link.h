// Links over ZeroMQ: maps by publish/subscribe, outputs by push/pull, over ipc:// or tcp://, optionally encrypted.
// Tested by link_test.cc.
//
// The controller listens, publishers connect. Each publisher subscribes to broadcasts and to its group's maps, so the
// library itself tells the controller when a publisher comes or goes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "braid/wire/transport/link.h"
#include "braid/wire/transport/zmq_curve.h"

namespace braid {

struct ZmqEndpoints {
  std::string maps;     // "ipc:///run/braid/maps", "tcp://127.0.0.1:5600"; a port may be * where one listens
  std::string outputs;  // of the same kinds
};

struct ZmqControllerOptions {
  ZmqEndpoints endpoints;
  int32_t num_groups = 1;
  LinkLimits limits;
  std::optional<CurveServer> curve;
};

struct ZmqPublisherOptions {
  ZmqEndpoints endpoints;
  int32_t group = 0;
  LinkLimits limits;
  std::optional<CurveClient> curve;
};

struct ZmqController {
  std::unique_ptr<ControllerLink> link;
  ZmqEndpoints endpoints;  // with the chosen ports
};
Result<ZmqController> listen_as_controller(const ZmqControllerOptions& options);

Result<std::unique_ptr<PublisherLink>> connect_to_controller(const ZmqPublisherOptions& options);

}  // namespace braid
