#include "braid/wire/transport/zmq_link.h"

#include <zmq.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "braid/base/clock.h"

namespace braid {
namespace {

// A connection that breaks silently (a host that is gone) is noticed within 10 s.
constexpr int kHeartbeatMs = 2000;
constexpr int kHeartbeatTimeoutMs = 10'000;
// How long the last messages, perhaps an error, may take to leave when a socket closes.
constexpr int kLingerMs = 1000;
// Subscriptions are short; handshake messages are the longest that the maps' socket receives.
constexpr int64_t kMaxSubscriptionBytes = 4096;

constexpr int kMaxHeardAtOnce = 1024;
constexpr char kSubscribed = 1;
constexpr std::string_view kToAll = "A";

std::string group_bytes(int32_t group) {
  std::string bytes(sizeof(group), '\0');
  for (size_t i = 0; i < sizeof(group); ++i) bytes[i] = static_cast<char>(static_cast<uint32_t>(group) >> (8 * i));
  return bytes;
}

std::string topic_of(int32_t group) {
  return "G" + group_bytes(group);
}

// -1 if these are not the bytes of one of the groups.
int32_t group_of(std::string_view bytes, int32_t num_groups) {
  if (bytes.size() != sizeof(int32_t)) return -1;
  uint32_t group = 0;
  for (size_t i = 0; i < sizeof(group); ++i) {
    group |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return group < static_cast<uint32_t>(num_groups) ? static_cast<int32_t>(group) : -1;
}

Status check_endpoint(const std::string& endpoint) {
  if (endpoint.starts_with("ipc://") || endpoint.starts_with("tcp://")) return {};
  return fail("\"{}\" is no endpoint: use ipc://PATH or tcp://HOST:PORT", endpoint);
}

Status set_up(ZmqSocket& socket, const LinkLimits& limits, int64_t max_message_bytes) {
  TRY_STATUS(socket.set(ZMQ_SNDHWM, limits.max_queued));
  TRY_STATUS(socket.set(ZMQ_RCVHWM, limits.max_queued));
  TRY_STATUS(socket.set(ZMQ_SNDTIMEO, static_cast<int>(limits.send_timeout_s * 1e3)));
  TRY_STATUS(socket.set(ZMQ_MAXMSGSIZE, max_message_bytes));
  TRY_STATUS(socket.set(ZMQ_HEARTBEAT_IVL, kHeartbeatMs));
  return socket.set(ZMQ_HEARTBEAT_TIMEOUT, kHeartbeatTimeoutMs);
}

class ZmqControllerLink : public ControllerLink {
 public:
  struct Parts {
    ZmqContext context;
    std::optional<CurveGate> gate;
    std::unique_ptr<ZmqMonitor> maps_monitor;
    std::unique_ptr<ZmqMonitor> outputs_monitor;
    ZmqSocket maps;
    ZmqSocket outputs;
  };
  ZmqControllerLink(Parts parts, int32_t num_groups, const LinkLimits& limits)
      : parts_(std::move(parts)), limits_(limits), is_there_(static_cast<size_t>(num_groups), false) {}

  Status send_to_all(SharedBytes map) override {
    TRY_STATUS(hear_subscriptions());
    if (std::ranges::find(is_there_, true) == is_there_.end()) return fail("no publisher is there");
    return send(kToAll, std::move(map), "a publisher takes nothing");
  }

  Status send_to(int32_t group, SharedBytes map) override {
    if (group < 0 || group >= num_groups()) return fail("group {} of {}", group, num_groups());
    TRY_STATUS(hear_subscriptions());
    if (!is_there_[static_cast<size_t>(group)]) return fail("the publisher of group {} is not there", group);
    return send(topic_of(group), std::move(map), fmt::format("the publisher of group {} takes nothing", group));
  }

  // What is sent to all still goes to it until its connection ends (kHeartbeatTimeoutMs).
  void leave_out(int32_t group) override { is_there_[static_cast<size_t>(group)] = false; }
  int32_t num_receivers() const override { return num_groups(); }
  std::unique_ptr<PublisherLink> let_back(int32_t /*group*/) override { return nullptr; }  // it subscribes again

  Result<std::optional<LinkEvent>> receive(double timeout_s) override {
    const double end_s = monotonic_seconds() + timeout_s;
    while (true) {
      TRY_STATUS(hear_strangers());
      TRY_STATUS(hear_subscriptions());
      if (!events_.empty()) return take_event();
      TRY(const auto frames, parts_.outputs.receive(2));
      if (frames) return outputs_event(*frames);
      const double left_s = end_s - monotonic_seconds();
      if (wake_.take() || left_s <= 0) return std::optional<LinkEvent>();
      TRY_STATUS(wait_for_any({&parts_.outputs, &parts_.maps, &parts_.maps_monitor->socket(),
                               &parts_.outputs_monitor->socket(), parts_.gate ? &parts_.gate->socket() : nullptr},
                              wake_, left_s));
    }
  }

  void wake() override { wake_.wake(); }

 private:
  int32_t num_groups() const { return static_cast<int32_t>(is_there_.size()); }

  Status send(std::string_view topic, SharedBytes map, std::string_view complaint) {
    TRY(const auto sent, parts_.maps.send(topic, std::move(map)));
    if (sent == ZmqSocket::Sent::kDone) return {};
    return fail("{}: {} maps wait since {} s", complaint, limits_.max_queued, limits_.send_timeout_s);
  }

  std::optional<LinkEvent> take_event() {
    LinkEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  void add_garbage(int32_t group, std::string reason) {
    // A flooding client is named often enough by these.
    if (events_.size() >= static_cast<size_t>(limits_.max_queued)) return;
    events_.push_back({.kind = LinkEvent::Kind::kGarbage, .group = group, .bytes = {}, .reason = std::move(reason)});
  }

  // The subscriber to a group's maps is its publisher. The library reports when it subscribes and when it is gone.
  Status hear_subscriptions() {
    // While our queue of events is full, an endless stream of subscriptions waits in the library's queue.
    for (int i = 0; i < kMaxHeardAtOnce && events_.size() < static_cast<size_t>(limits_.max_queued); ++i) {
      TRY(const auto frames, parts_.maps.receive(1));
      if (!frames) return {};
      const std::string_view text = text_of((*frames)[0]);
      if (text.size() == 1 + kToAll.size() && text[0] <= kSubscribed && text.substr(1) == kToAll) continue;
      const int32_t group = text.size() > 2 && text[1] == 'G' ? group_of(text.substr(2), num_groups()) : -1;
      if (group < 0 || text[0] < 0 || text[0] > kSubscribed) {
        add_garbage(-1, fmt::format("a subscription of {} bytes that is none of a publisher of {} groups", text.size(),
                                    num_groups()));
        continue;
      }
      const bool is_joining = text[0] == kSubscribed;
      if (is_joining && is_there_[static_cast<size_t>(group)]) {
        add_garbage(group, fmt::format("a second publisher of group {} has joined", group));
        continue;
      }
      is_there_[static_cast<size_t>(group)] = is_joining;
      events_.push_back({.kind = is_joining ? LinkEvent::Kind::kJoined : LinkEvent::Kind::kLeft,
                         .group = group,
                         .bytes = {},
                         .reason = {}});
    }
    return {};
  }

  // Connections that were refused, or whose handshake failed.
  Status hear_strangers() {
    if (parts_.gate) {
      TRY(const int num_refused, parts_.gate->serve());
      for (int i = 0; i < num_refused; ++i) add_garbage(-1, "a client was refused: its key is not allowed");
    }
    for (ZmqMonitor* monitor : {parts_.maps_monitor.get(), parts_.outputs_monitor.get()}) {
      while (true) {
        TRY(const auto event, monitor->receive());
        if (!event) break;
        if (event->kind != ZmqMonitor::Kind::kBadHandshake) continue;
        add_garbage(-1,
                    fmt::format("a client of {} is no publisher, or does not have the right keys", event->endpoint));
      }
    }
    return {};
  }

  std::optional<LinkEvent> outputs_event(const std::vector<SharedBytes>& frames) {
    const int32_t group = group_of(text_of(frames[0]), num_groups());
    if (group < 0 || frames.size() != 2) {
      return LinkEvent{.kind = LinkEvent::Kind::kGarbage,
                       .group = group,
                       .bytes = {},
                       .reason = fmt::format("{} bytes that are no outputs of one of {} groups", frames.back().size(),
                                             num_groups())};
    }
    return LinkEvent{.kind = LinkEvent::Kind::kOutputs, .group = group, .bytes = frames[1], .reason = {}};
  }

  Parts parts_;
  const LinkLimits limits_;
  WakeEvent wake_;
  std::vector<bool> is_there_;    // by group
  std::deque<LinkEvent> events_;  // received, but not yet returned by receive()
};

class ZmqPublisherLink : public PublisherLink {
 public:
  struct Parts {
    ZmqContext context;
    std::unique_ptr<ZmqMonitor> monitor;
    ZmqSocket maps;
    ZmqSocket outputs;
  };
  ZmqPublisherLink(Parts parts, const ZmqPublisherOptions& options)
      : parts_(std::move(parts)), group_(group_bytes(options.group)), options_(options) {}

  Result<std::optional<SharedBytes>> receive(double timeout_s) override {
    const double end_s = monotonic_seconds() + timeout_s;
    while (true) {
      TRY(const auto frames, parts_.maps.receive(2));
      if (frames) {
        if (frames->size() == 2) return std::optional((*frames)[1]);
        return fail("the controller at {} sent a message that is no map", options_.endpoints.maps);
      }
      TRY(const auto event, parts_.monitor->receive());
      if (event) return complaint(event->kind);
      const double left_s = end_s - monotonic_seconds();
      if (wake_.take() || left_s <= 0) return std::optional<SharedBytes>();
      TRY_STATUS(wait_for_any({&parts_.maps, &parts_.monitor->socket()}, wake_, left_s));
    }
  }

  Status send(SharedBytes outputs) override {
    TRY(const auto sent, parts_.outputs.send(group_, std::move(outputs)));
    if (sent == ZmqSocket::Sent::kDone) return {};
    return fail("the controller at {} takes no outputs since {} s", options_.endpoints.outputs,
                options_.limits.send_timeout_s);
  }

  void wake() override { wake_.wake(); }

 private:
  Error complaint(ZmqMonitor::Kind kind) const {
    const std::string& endpoint = options_.endpoints.maps;
    switch (kind) {
      case ZmqMonitor::Kind::kRefused:
        return fail("the controller at {} does not allow this key", endpoint);
      case ZmqMonitor::Kind::kBadHandshake:
        return fail("what listens at {} is no controller, or has another key", endpoint);
      case ZmqMonitor::Kind::kDisconnected:
        break;
    }
    return fail("the controller at {} is gone", endpoint);
  }

  Parts parts_;
  const std::string group_;
  const ZmqPublisherOptions options_;
  WakeEvent wake_;
};

}  // namespace

Result<ZmqController> listen_as_controller(const ZmqControllerOptions& options) {
  TRY_STATUS(check_endpoint(options.endpoints.maps));
  TRY_STATUS(check_endpoint(options.endpoints.outputs));
  ZmqContext context = make_zmq_context();
  std::optional<CurveGate> gate;
  if (options.curve) {
    TRY(gate, CurveGate::open(context, options.curve->allowed_clients));
  }
  TRY(ZmqSocket maps, ZmqSocket::make(context, ZMQ_XPUB, kLingerMs));
  TRY_STATUS(set_up(maps, options.limits, kMaxSubscriptionBytes));
  TRY_STATUS(maps.set(ZMQ_XPUB_VERBOSE, 1));  // so that a second publisher of a group is noticed
  TRY_STATUS(maps.set(ZMQ_XPUB_NODROP, 1));   // waits for a full queue, so nothing is lost silently
  TRY(ZmqSocket outputs, ZmqSocket::make(context, ZMQ_PULL));
  TRY_STATUS(set_up(outputs, options.limits, options.limits.max_message_bytes));
  if (options.curve) {
    TRY_STATUS(set_curve(maps, *options.curve));
    TRY_STATUS(set_curve(outputs, *options.curve));
  }
  TRY(ZmqMonitor maps_monitor, ZmqMonitor::watch(context, maps, "maps-monitor"));
  TRY(ZmqMonitor outputs_monitor, ZmqMonitor::watch(context, outputs, "outputs-monitor"));
  TRY_STATUS(maps.bind(options.endpoints.maps));
  TRY_STATUS(outputs.bind(options.endpoints.outputs));
  ZmqController controller;
  TRY(controller.endpoints.maps, maps.last_endpoint());
  TRY(controller.endpoints.outputs, outputs.last_endpoint());
  ZmqControllerLink::Parts parts{.context = std::move(context),
                                 .gate = std::move(gate),
                                 .maps_monitor = std::make_unique<ZmqMonitor>(std::move(maps_monitor)),
                                 .outputs_monitor = std::make_unique<ZmqMonitor>(std::move(outputs_monitor)),
                                 .maps = std::move(maps),
                                 .outputs = std::move(outputs)};
  controller.link = std::make_unique<ZmqControllerLink>(std::move(parts), options.num_groups, options.limits);
  return controller;
}

Result<std::unique_ptr<PublisherLink>> connect_to_controller(const ZmqPublisherOptions& options) {
  TRY_STATUS(check_endpoint(options.endpoints.maps));
  TRY_STATUS(check_endpoint(options.endpoints.outputs));
  ZmqContext context = make_zmq_context();
  TRY(ZmqSocket outputs, ZmqSocket::make(context, ZMQ_PUSH, kLingerMs));
  TRY_STATUS(set_up(outputs, options.limits, kMaxSubscriptionBytes));
  TRY_STATUS(outputs.set(ZMQ_IMMEDIATE, 1));  // queues nothing while there is no controller
  TRY(ZmqSocket maps, ZmqSocket::make(context, ZMQ_SUB));
  TRY_STATUS(set_up(maps, options.limits, options.limits.max_message_bytes));
  if (options.curve) {
    TRY_STATUS(set_curve(outputs, *options.curve));
    TRY_STATUS(set_curve(maps, *options.curve));
  }
  TRY(ZmqMonitor monitor, ZmqMonitor::watch(context, maps, "monitor"));
  // In this order: once the controller hears of the group, broadcasts reach the group too.
  TRY_STATUS(maps.set(ZMQ_SUBSCRIBE, kToAll));
  TRY_STATUS(maps.set(ZMQ_SUBSCRIBE, std::string_view(topic_of(options.group))));
  TRY_STATUS(outputs.connect(options.endpoints.outputs));
  TRY_STATUS(maps.connect(options.endpoints.maps));
  ZmqPublisherLink::Parts parts{.context = std::move(context),
                                .monitor = std::make_unique<ZmqMonitor>(std::move(monitor)),
                                .maps = std::move(maps),
                                .outputs = std::move(outputs)};
  return std::unique_ptr<PublisherLink>(std::make_unique<ZmqPublisherLink>(std::move(parts), options));
}

}  // namespace braid
