// ZeroMQ's sockets as values: owned, errors named, messages as shared bytes without copies. What a link is made of.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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

// "no such file or directory" and the like, of the last call.
std::string zmq_error_text();

class ZmqSocket {
 public:
  // `kind`: ZMQ_PUSH and so on. Closing waits `linger_ms` for what is not sent yet.
  static Result<ZmqSocket> make(const ZmqContext& context, int kind, int linger_ms = 0);

  Status set(int option, int value);
  Status set(int option, int64_t value);
  Status set(int option, std::string_view value);
  Status bind(const std::string& endpoint);
  Status connect(const std::string& endpoint);
  Result<std::string> last_endpoint() const;  // what a wildcard became

  enum class Sent { kDone, kFull, kUnreachable };
  // All frames or none, waiting as long as ZMQ_SNDTIMEO says.
  Result<Sent> send(std::string_view head, SharedBytes body);
  Result<Sent> send_frames(const std::vector<std::string>& frames);

  // The frames of one message, of which no more than `max_frames` are kept; nothing if none is there. Does not wait.
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

// Wakes a thread that waits in wait_for_any(), from any other.
class WakeEvent {
 public:
  WakeEvent();
  ~WakeEvent();
  WakeEvent(const WakeEvent&) = delete;
  WakeEvent& operator=(const WakeEvent&) = delete;

  void wake();
  bool take();  // whether somebody did since the last time
  int file() const { return file_; }

 private:
  int file_ = -1;
};

// Waits until one of the sockets has something to read, the event comes, or the time is over.
Status wait_for_any(std::initializer_list<const ZmqSocket*> sockets, const WakeEvent& event, double timeout_s);

// What happens to the connections of a socket: those that fail to be made, and those that end.
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
