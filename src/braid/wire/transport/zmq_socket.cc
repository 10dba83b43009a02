#include "braid/wire/transport/zmq_socket.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "braid/base/check.h"

#ifdef __SANITIZE_THREAD__
// The library, and libsodium which it uses for CURVE, are not compiled for ThreadSanitizer.
extern "C" const char* __tsan_default_suppressions() {  // NOLINT: the sanitizer's name for it
  return "called_from_lib:libzmq.so\ncalled_from_lib:libsodium.so\n";
}
#endif

namespace braid {
namespace {

// One frame. The library may keep a reference to its bytes after this object is destroyed.
class ZmqFrame {
 public:
  ZmqFrame() { zmq_msg_init(&message_); }
  explicit ZmqFrame(std::string_view text) {
    CHECK(zmq_msg_init_size(&message_, text.size()) == 0, "out of memory");
    if (!text.empty()) std::memcpy(zmq_msg_data(&message_), text.data(), text.size());
  }
  explicit ZmqFrame(SharedBytes bytes) {
    const auto span = bytes.span();
    auto owner = std::make_unique<Held>(std::move(bytes));
    owner->is_whole.store(true, std::memory_order_release);
    // The library returns the bytes through release() and never writes to them.
    auto* data = const_cast<std::byte*>(span.data());
    CHECK(zmq_msg_init_data(&message_, data, span.size(), release, owner.get()) == 0, "out of memory");
    static_cast<void>(owner.release());
  }
  ~ZmqFrame() { zmq_msg_close(&message_); }
  ZmqFrame(const ZmqFrame&) = delete;
  ZmqFrame& operator=(const ZmqFrame&) = delete;

  zmq_msg_t* get() { return &message_; }
  std::span<const std::byte> span() {
    return {static_cast<const std::byte*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }

 private:
  // Released on one of the library's threads. The library orders our writes before that, but ThreadSanitizer cannot see
  // into it: the flag makes the order visible.
  struct Held {
    explicit Held(SharedBytes its_bytes) : bytes(std::move(its_bytes)) {}
    SharedBytes bytes;
    std::atomic<bool> is_whole = false;
  };
  static void release(void*, void* owner) {
    const std::unique_ptr<Held> held(static_cast<Held*>(owner));
    static_cast<void>(held->is_whole.load(std::memory_order_acquire));
  }

  zmq_msg_t message_;
};

// Retries when interrupted: the rest of a message must follow its first frame.
int send_frame(void* socket, ZmqFrame& frame, int flags) {
  int rc = 0;
  do rc = zmq_msg_send(frame.get(), socket, flags);
  while (rc < 0 && errno == EINTR);
  return rc;
}

}  // namespace

void ZmqContextEnd::operator()(void* context) const {
  while (zmq_ctx_term(context) != 0 && errno == EINTR) {
  }
}

ZmqContext make_zmq_context() {
  void* context = zmq_ctx_new();
  CHECK(context != nullptr, "{}", zmq_error_text());
  return ZmqContext(context);
}

std::string zmq_error_text() {
  return zmq_strerror(zmq_errno());
}

void ZmqSocket::End::operator()(void* socket) const {
  zmq_close(socket);
}

Result<ZmqSocket> ZmqSocket::make(const ZmqContext& context, int kind, int linger_ms) {
  void* handle = zmq_socket(context.get(), kind);
  if (handle == nullptr) return fail("no ZeroMQ socket: {}", zmq_error_text());
  ZmqSocket socket(handle);
  TRY_STATUS(socket.set(ZMQ_LINGER, linger_ms));
  return socket;
}

Status ZmqSocket::set(int option, int value) {
  if (zmq_setsockopt(socket_.get(), option, &value, sizeof(value)) == 0) return {};
  return fail("ZeroMQ option {} = {}: {}", option, value, zmq_error_text());
}

Status ZmqSocket::set(int option, int64_t value) {
  if (zmq_setsockopt(socket_.get(), option, &value, sizeof(value)) == 0) return {};
  return fail("ZeroMQ option {} = {}: {}", option, value, zmq_error_text());
}

Status ZmqSocket::set(int option, std::string_view value) {
  if (zmq_setsockopt(socket_.get(), option, value.data(), value.size()) == 0) return {};
  return fail("ZeroMQ option {} of {} bytes: {}", option, value.size(), zmq_error_text());
}

Status ZmqSocket::bind(const std::string& endpoint) {
  if (zmq_bind(socket_.get(), endpoint.c_str()) == 0) return {};
  return fail("cannot listen at {}: {}", endpoint, zmq_error_text());
}

Status ZmqSocket::connect(const std::string& endpoint) {
  if (zmq_connect(socket_.get(), endpoint.c_str()) == 0) return {};
  return fail("cannot connect to {}: {}", endpoint, zmq_error_text());
}

Result<std::string> ZmqSocket::last_endpoint() const {
  char text[1024] = {};
  size_t size = sizeof(text);
  if (zmq_getsockopt(socket_.get(), ZMQ_LAST_ENDPOINT, text, &size) != 0) return fail("{}", zmq_error_text());
  return std::string(text);
}

Result<ZmqSocket::Sent> ZmqSocket::send(std::string_view head, SharedBytes body) {
  return send(std::span(&head, 1), std::move(body));
}

Result<ZmqSocket::Sent> ZmqSocket::send(std::span<const std::string_view> heads, SharedBytes body) {
  ZmqFrame last(std::move(body));
  for (size_t i = 0; i <= heads.size(); ++i) {
    int sent = 0;
    if (i < heads.size()) {
      ZmqFrame head(heads[i]);
      sent = send_frame(socket_.get(), head, ZMQ_SNDMORE);
    } else {
      sent = send_frame(socket_.get(), last, 0);
    }
    if (sent >= 0) continue;
    if (errno == EAGAIN) return Sent::kFull;
    if (errno == EHOSTUNREACH) return Sent::kUnreachable;
    return fail("sending: {}", zmq_error_text());
  }
  return Sent::kDone;
}

Result<ZmqSocket::Sent> ZmqSocket::send_frames(const std::vector<std::string>& frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    ZmqFrame frame{std::string_view(frames[i])};
    if (send_frame(socket_.get(), frame, i + 1 < frames.size() ? ZMQ_SNDMORE : 0) >= 0) continue;
    if (errno == EAGAIN) return Sent::kFull;
    return fail("sending: {}", zmq_error_text());
  }
  return Sent::kDone;
}

Result<std::optional<std::vector<SharedBytes>>> ZmqSocket::receive(size_t max_frames) {
  std::vector<SharedBytes> frames;
  bool has_more = true;
  while (has_more) {
    auto frame = std::make_shared<ZmqFrame>();
    if (zmq_msg_recv(frame->get(), socket_.get(), ZMQ_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN && frames.empty()) return std::optional<std::vector<SharedBytes>>();
      return fail("receiving: {}", zmq_error_text());
    }
    has_more = zmq_msg_more(frame->get()) != 0;
    const auto span = frame->span();
    if (frames.size() < max_frames) frames.emplace_back(std::move(frame), span);
  }
  return std::optional(std::move(frames));
}

std::string_view text_of(const SharedBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.span().data()), bytes.size()};
}

WakeEvent::WakeEvent() : file_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(file_ >= 0, "eventfd: {}", std::strerror(errno));
}

WakeEvent::~WakeEvent() {
  close(file_);
}

void WakeEvent::wake() {
  const uint64_t one = 1;
  while (write(file_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

bool WakeEvent::take() {
  uint64_t count = 0;
  return read(file_, &count, sizeof(count)) == sizeof(count);
}

Status wait_for_any(std::initializer_list<const ZmqSocket*> sockets, const WakeEvent& event, double timeout_s) {
  std::vector<zmq_pollitem_t> items;
  for (const ZmqSocket* socket : sockets) {
    if (socket != nullptr) items.push_back({.socket = socket->handle(), .fd = 0, .events = ZMQ_POLLIN, .revents = 0});
  }
  items.push_back({.socket = nullptr, .fd = event.file(), .events = ZMQ_POLLIN, .revents = 0});
  const double longest_ms = 3.6e6;
  const auto timeout_ms = static_cast<long>(std::ceil(std::clamp(timeout_s * 1e3, 0.0, longest_ms)));
  if (zmq_poll(items.data(), static_cast<int>(items.size()), timeout_ms) >= 0 || errno == EINTR) return {};
  return fail("waiting for messages: {}", zmq_error_text());
}

Result<ZmqMonitor> ZmqMonitor::watch(const ZmqContext& context, const ZmqSocket& socket, const std::string& name) {
  const std::string endpoint = "inproc://" + name;
  const int events = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (zmq_socket_monitor(socket.handle(), endpoint.c_str(), events) != 0) {
    return fail("cannot watch a socket: {}", zmq_error_text());
  }
  TRY(ZmqSocket pair, ZmqSocket::make(context, ZMQ_PAIR));
  TRY_STATUS(pair.connect(endpoint));
  return ZmqMonitor(std::move(pair));
}

Result<std::optional<ZmqMonitor::Event>> ZmqMonitor::receive() {
  TRY(const auto frames, events_.receive(2));
  if (!frames || frames->size() != 2 || (*frames)[0].size() < sizeof(uint16_t)) return std::optional<Event>();
  uint16_t number = 0;
  std::memcpy(&number, (*frames)[0].span().data(), sizeof(number));
  Event event{.kind = Kind::kBadHandshake, .endpoint = std::string(text_of((*frames)[1]))};
  if (number == ZMQ_EVENT_DISCONNECTED) event.kind = Kind::kDisconnected;
  if (number == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) event.kind = Kind::kRefused;
  return std::optional(std::move(event));
}

}  // namespace braid
