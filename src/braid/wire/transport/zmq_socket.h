// ZeroMQ sockets as values: owned, with named errors, and messages as shared bytes without copies. Links are built of
// these. Tested by link_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/shared_bytes.h"

namespace braid {

struct ZmqContextEnd {
  void operator()(void* context) const;
};
using ZmqContext = std::unique_ptr<void, ZmqContextEnd>;
ZmqContext make_zmq_context();

// The text of the last call's error, such as "no such file or directory".
std::string zmq_error_text();

class ZmqSocket {
 public:
  // `kind`: ZMQ_PUSH and so on. Closing waits up to `linger_ms` for unsent messages.
  static Result<ZmqSocket> make(const ZmqContext& context, int kind, int linger_ms = 0);

  Status set(int option, int value);
  Status set(int option, int64_t value);
  Status set(int option, std::string_view value);
  Status bind(const std::string& endpoint);
  Status connect(const std::string& endpoint);
  Result<std::string> last_endpoint() const;  // with wildcards resolved

  enum class Sent { kDone, kFull, kUnreachable };
  // Sends all frames or none; waits as long as ZMQ_SNDTIMEO says.
  Result<Sent> send(std::string_view head, SharedBytes body);
  Result<Sent> send(std::span<const std::string_view> heads, SharedBytes body);
  Result<Sent> send_frames(const std::vector<std::string>& frames);

  // The frames of the next message, at most `max_frames` of them; nothing if there is no message. Does not wait.
  Result<std::optional<std::vector<SharedBytes>>> receive(size_t max_frames);

  void* handle() const { return socket_.get(); }

 private:
  struct End {
    void operator()(void* socket) const;
  };
  explicit ZmqSocket(void* socket) : socket_(socket) {}

  std::unique_ptr<void, End> socket_;
};

std::string_view text_of(const SharedBytes& bytes);

// Wakes a thread that waits in wait_for_any(), from any other thread.
class WakeEvent {
 public:
  WakeEvent();
  ~WakeEvent();
  WakeEvent(const WakeEvent&) = delete;
  WakeEvent& operator=(const WakeEvent&) = delete;

  void wake();
  bool take();  // whether wake() was called since the last take()
  int file() const { return file_; }

 private:
  int file_ = -1;
};

// Waits until a socket has something to read, the event is set, or the time is over.
Status wait_for_any(std::initializer_list<const ZmqSocket*> sockets, const WakeEvent& event, double timeout_s);

// Reports what happens to a socket's connections: failed handshakes and disconnects.
class ZmqMonitor {
 public:
  // `name` is unique in the context.
  static Result<ZmqMonitor> watch(const ZmqContext& context, const ZmqSocket& socket, const std::string& name);

  enum class Kind { kDisconnected, kRefused, kBadHandshake };
  struct Event {
    Kind kind;
    std::string endpoint;
  };
  Result<std::optional<Event>> receive();
  const ZmqSocket& socket() const { return events_; }

 private:
  explicit ZmqMonitor(ZmqSocket events) : events_(std::move(events)) {}

  ZmqSocket events_;
};

}  // namespace braid
