// One request's answer on its way from the handler's threads to the connection: a bounded buffer between them. Knows no
// sockets.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "braid/server/http/handler.h"

namespace braid::http {

class Answer {
 public:
  // `wake`: called, from any thread, when there is something new to take(). It must not call back into this.
  Answer(size_t buffer_bytes, std::function<void()> wake);

  // The handler's side; any thread.
  void respond(Response response);
  void start_stream(Response response);
  void write(std::string_view bytes);
  void finish();
  void on_gone(std::function<void()> gone);
  void drop();  // nobody will answer any more

  // The connection's side; one thread.
  struct Piece {
    std::optional<Response> head;  // once, in the first piece that has anything; its body is in `bytes`
    bool is_stream = false;
    std::string bytes;
    bool is_last = false;     // nothing follows
    bool is_dropped = false;  // and the handler gave no answer, or an end without finish()
  };
  // All that waits, but of a stream at most `max_bytes`.
  Piece take(size_t max_bytes);
  // Of a stream's buffer. Overflowed: so much was written to a full one that the client is to be given up.
  enum class Fill { kHasRoom, kFull, kOverflowed };
  Fill fill() const;
  // The connection takes nothing more. `gone`: the client left before its answer was all sent.
  void close(bool gone);

 private:
  enum class State { kWaiting, kStreaming, kComplete, kDropped, kOverflowed, kClosed, kGone };

  void wake_locked();
  size_t waiting_locked() const { return bytes_.size() - num_taken_; }
  // Leaves the state in which the client's leaving matters; returns what must be destroyed without the lock.
  std::function<void()> end_locked(State state);

  const size_t buffer_bytes_;
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  bool is_woken_ = false;
  State state_ = State::kWaiting;
  std::optional<Response> head_;
  bool is_stream_ = false;
  std::string bytes_;
  size_t num_taken_ = 0;  // of bytes_
  bool has_on_gone_ = false;
  std::function<void()> on_gone_;
};

// What a handler is given. Its end drops the answer.
std::shared_ptr<Responder> make_responder(std::shared_ptr<Answer> answer);

}  // namespace braid::http
