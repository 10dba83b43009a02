#include "braid/wire/transport/process_link.h"

#include <sys/socket.h>
#include <zmq.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "braid/wire/transport/zmq_socket.h"

namespace braid {
namespace {

constexpr int kBeatMs = 500;  // of the library, so that a connection that breaks silently is noticed
constexpr int kBeatTimeoutMs = 5000;
constexpr int kLastWordsMs = 1000;
constexpr double kIdle_s = 1;
constexpr size_t kMaxAtOnce = 256;  // messages received before others are sent

Status set_up_link(ZmqSocket& socket, const LinkLimits& limits) {
  TRY_STATUS(socket.set(ZMQ_SNDHWM, limits.max_queued));
  TRY_STATUS(socket.set(ZMQ_RCVHWM, limits.max_queued));
  TRY_STATUS(socket.set(ZMQ_MAXMSGSIZE, limits.max_message_bytes));
  TRY_STATUS(socket.set(ZMQ_HEARTBEAT_IVL, kBeatMs));
  return socket.set(ZMQ_HEARTBEAT_TIMEOUT, kBeatTimeoutMs);
}

// The library binds no socket that it is given, nor does it listen there.
Status take_over(ZmqSocket& socket, const FrontLinkOptions& options) {
  constexpr int kMaxWaiting = 1024;  // connections
  if (options.socket < 0) return {};
  if (listen(options.socket, kMaxWaiting) != 0) {
    return fail("cannot listen at {}: {}", options.endpoint, std::strerror(errno));
  }
  return socket.set(ZMQ_USE_FD, options.socket);
}

bool is_link_message(std::string_view kind) {
  constexpr std::string_view kKinds = "MOP";
  return kind.size() == 1 && kKinds.find(kind.front()) != std::string_view::npos;
}

struct Outgoing {
  PeerId peer;  // at the front's end
  LinkMessageKind kind = LinkMessageKind::kMessage;
  SharedBytes body;
};

class ZmqFrontLink final : public FrontLink {
 public:
  struct Parts {
    ZmqContext context;
    CurveGate gate;
    ZmqMonitor monitor;
    ZmqSocket socket;
    std::string endpoint;
  };
  ZmqFrontLink(Parts parts, FrontLinkOwner& owner)
      : parts_(std::move(parts)), owner_(owner), thread_([this] { run(); }) {}
  ~ZmqFrontLink() override { ZmqFrontLink::close(); }

  void close() override {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    wake_.wake();
    if (thread_.joinable()) thread_.join();
  }

  const std::string& endpoint() const override { return parts_.endpoint; }

  void send(const PeerId& peer, LinkMessageKind kind, SharedBytes body) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back({.peer = peer, .kind = kind, .body = std::move(body)});
    }
    wake_.wake();
  }

 private:
  void run() {
    for (;;) {
      const bool is_last = send_queued();
      if (is_last) return;
      Status status = hear_strangers();
      for (size_t i = 0; status.ok() && i < kMaxAtOnce; ++i) {
        const auto heard = hear_one();
        if (!heard.ok()) status = heard.error();
        if (!heard.ok() || !*heard) break;
      }
      if (status.ok()) {
        status = wait_for_any({&parts_.socket, &parts_.gate.socket(), &parts_.monitor.socket()}, wake_, kIdle_s);
      }
      if (!status.ok()) owner_.on_garbage(status.error().message);
      static_cast<void>(wake_.take());
    }
  }

  // Returns whether the link ends.
  bool send_queued() {
    std::deque<Outgoing> queue;
    bool is_stopping = false;
    {
      const std::lock_guard lock(mutex_);
      queue.swap(queue_);
      is_stopping = is_stopping_;
    }
    for (Outgoing& message : queue) {
      const std::array<std::string_view, 2> heads{message.peer, {reinterpret_cast<const char*>(&message.kind), 1}};
      const auto sent = parts_.socket.send(heads, std::move(message.body));
      if (!sent.ok() || *sent != ZmqSocket::Sent::kDone) owner_.on_unreachable(message.peer);
    }
    return is_stopping;
  }

  // Returns whether there was a message.
  Result<bool> hear_one() {
    TRY(const auto frames, parts_.socket.receive(4));
    if (!frames) return false;
    if (frames->size() != 3 || !is_link_message(text_of((*frames)[1]))) {
      owner_.on_garbage(fmt::format("{} bytes that no process sends", frames->back().size()));
      return true;
    }
    owner_.on_message(PeerId(text_of((*frames)[0])), static_cast<LinkMessageKind>(text_of((*frames)[1]).front()),
                      (*frames)[2]);
    return true;
  }

  Status hear_strangers() {
    TRY(const int num_refused, parts_.gate.serve());
    for (int i = 0; i < num_refused; ++i) owner_.on_garbage("a client was refused: its key is not allowed");
    while (true) {
      TRY(const auto event, parts_.monitor.receive());
      if (!event) return {};
      if (event->kind != ZmqMonitor::Kind::kBadHandshake) continue;
      owner_.on_garbage(
          fmt::format("a client of {} is no process of braid, or does not have the right keys", event->endpoint));
    }
  }

  Parts parts_;
  FrontLinkOwner& owner_;
  WakeEvent wake_;
  std::mutex mutex_;
  std::deque<Outgoing> queue_;
  bool is_stopping_ = false;
  std::thread thread_;
};

class ZmqProcessLink final : public ProcessLink {
 public:
  struct Parts {
    ZmqContext context;
    ZmqMonitor monitor;
    ZmqSocket socket;
  };
  ZmqProcessLink(Parts parts, const ProcessLinkOptions& options, ProcessLinkOwner& owner)
      : parts_(std::move(parts)), options_(options), owner_(owner), thread_([this] { run(); }) {}
  ~ZmqProcessLink() override { ZmqProcessLink::close(); }

  void close() override {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    wake_.wake();
    if (thread_.joinable()) thread_.join();
  }

  void send(LinkMessageKind kind, SharedBytes body) override {
    {
      std::unique_lock lock(mutex_);
      has_room_.wait(lock, [&] { return is_lost_ || is_stopping_ || std::ssize(queue_) < options_.limits.max_queued; });
      if (is_lost_ || is_stopping_) return;
      queue_.push_back({.peer = {}, .kind = kind, .body = std::move(body)});
    }
    wake_.wake();
  }

 private:
  void run() {
    bool is_last = false;
    Status status;
    while (status.ok()) {
      status = send_queued(is_last);
      if (is_last) return;
      if (status.ok()) status = hear();
      if (status.ok()) {
        status = wait_for_any({&parts_.socket, &parts_.monitor.socket()}, wake_, kIdle_s);
      }
      static_cast<void>(wake_.take());
    }
    {
      const std::lock_guard lock(mutex_);
      is_lost_ = true;
    }
    has_room_.notify_all();
    owner_.on_lost(status.error().message);
  }

  Status send_queued(bool& is_last) {
    std::deque<Outgoing> queue;
    {
      const std::lock_guard lock(mutex_);
      queue.swap(queue_);
      is_last = is_stopping_;
    }
    has_room_.notify_all();
    for (Outgoing& message : queue) {
      const std::string_view kind(reinterpret_cast<const char*>(&message.kind), 1);
      TRY(const auto sent, parts_.socket.send(kind, std::move(message.body)));
      if (sent == ZmqSocket::Sent::kDone) continue;
      TRY_STATUS(hear_of_connection());  // one that was refused takes nothing either, and says why
      return fail("the front at {} takes nothing since {} s", options_.endpoint, options_.limits.send_timeout_s);
    }
    return {};
  }

  Status hear() {
    for (size_t i = 0; i < kMaxAtOnce; ++i) {
      TRY(const auto frames, parts_.socket.receive(3));
      if (!frames) break;
      if (frames->size() != 2 || !is_link_message(text_of((*frames)[0]))) {
        return fail("the front at {} sent what is no message", options_.endpoint);
      }
      owner_.on_message(static_cast<LinkMessageKind>(text_of((*frames)[0]).front()), (*frames)[1]);
    }
    return hear_of_connection();
  }

  Status hear_of_connection() {
    TRY(const auto event, parts_.monitor.receive());
    if (!event) return {};
    switch (event->kind) {
      case ZmqMonitor::Kind::kRefused:
        return fail("the front at {} does not allow this key", options_.endpoint);
      case ZmqMonitor::Kind::kBadHandshake:
        return fail("what listens at {} is no front, or has another key", options_.endpoint);
      case ZmqMonitor::Kind::kDisconnected:
        break;
    }
    return fail("the front at {} is gone", options_.endpoint);
  }

  Parts parts_;
  const ProcessLinkOptions options_;
  ProcessLinkOwner& owner_;
  WakeEvent wake_;
  std::mutex mutex_;
  std::condition_variable has_room_;
  std::deque<Outgoing> queue_;
  bool is_stopping_ = false;
  bool is_lost_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<FrontLink>> FrontLink::listen(const FrontLinkOptions& options, FrontLinkOwner& owner) {
  ZmqContext context = make_zmq_context();
  TRY(CurveGate gate, CurveGate::open(context, options.keys.allowed_clients));
  TRY(ZmqSocket socket, ZmqSocket::make(context, ZMQ_ROUTER, kLastWordsMs));
  TRY_STATUS(set_up_link(socket, options.limits));
  TRY_STATUS(socket.set(ZMQ_ROUTER_MANDATORY, 1));  // what cannot be sent is not lost silently
  TRY_STATUS(socket.set(ZMQ_SNDTIMEO, 0));          // no process makes the others wait
  TRY_STATUS(set_curve(socket, options.keys));
  TRY(ZmqMonitor monitor, ZmqMonitor::watch(context, socket, "front-monitor"));
  TRY_STATUS(take_over(socket, options));
  TRY_STATUS(socket.bind(options.endpoint));
  TRY(std::string endpoint, socket.last_endpoint());
  ZmqFrontLink::Parts parts{.context = std::move(context),
                            .gate = std::move(gate),
                            .monitor = std::move(monitor),
                            .socket = std::move(socket),
                            .endpoint = std::move(endpoint)};
  return std::unique_ptr<FrontLink>(std::make_unique<ZmqFrontLink>(std::move(parts), owner));
}

Result<std::unique_ptr<ProcessLink>> ProcessLink::connect(const ProcessLinkOptions& options, ProcessLinkOwner& owner) {
  ZmqContext context = make_zmq_context();
  TRY(ZmqSocket socket, ZmqSocket::make(context, ZMQ_DEALER, kLastWordsMs));
  TRY_STATUS(set_up_link(socket, options.limits));
  TRY_STATUS(socket.set(ZMQ_SNDTIMEO, static_cast<int>(options.limits.send_timeout_s * 1e3)));
  TRY_STATUS(set_curve(socket, options.keys));
  TRY(ZmqMonitor monitor, ZmqMonitor::watch(context, socket, "process-monitor"));
  TRY_STATUS(socket.connect(options.endpoint));
  ZmqProcessLink::Parts parts{
      .context = std::move(context), .monitor = std::move(monitor), .socket = std::move(socket)};
  return std::unique_ptr<ProcessLink>(std::make_unique<ZmqProcessLink>(std::move(parts), options, owner));
}

}  // namespace braid
