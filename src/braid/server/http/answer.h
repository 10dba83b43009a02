// The answer to one request, on its way from the handler's threads to the connection: a bounded buffer. Knows no
// sockets.
#pragma once

#include <cstddef>
#include <cstdint>
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
  // `wake` is called, from any thread, when take() has something new. It must not call back into this object.
  Answer(size_t buffer_bytes, std::function<void()> wake);

  // The handler's side; any thread.
  void respond(Response response);
  void start_stream(Response response);
  void write(std::string_view bytes);
  void finish();
  bool has_room() const;
  void when_room(std::function<void()> call);
  void on_gone(std::function<void()> gone);
  bool is_gone() const;
  void drop();  // no answer will come

  // The connection's side; one thread.
  struct Piece {
    std::optional<Response> head;  // once, in the first piece that is not empty; its body is in `bytes`
    bool is_stream = false;
    std::string bytes;
    bool is_last = false;     // nothing follows
    bool is_dropped = false;  // and the handler did not answer, or did not call finish()
  };
  // Everything that waits; of a stream, at most `max_bytes`.
  Piece take(size_t max_bytes);
  // The state of a stream's buffer. Full: the handler wrote when there was no room (one event may be longer than the
  // buffer). Overflowed: so much waits that the client is disconnected.
  enum class Fill { kHasRoom, kFull, kOverflowed };
  Fill fill() const;
  uint64_t num_taken_bytes() const;  // so far
  // The connection takes nothing more. `gone`: the client left before the whole answer was sent.
  void close(bool gone);

 private:
  enum class State { kWaiting, kStreaming, kComplete, kDropped, kOverflowed, kClosed, kGone };

  void wake_locked();
  size_t waiting_locked() const { return bytes_.size() - num_taken_; }
  // The handler's callbacks, to be destroyed without the lock.
  struct Calls {
    std::function<void()> on_gone;
    std::function<void()> on_room;
  };
  // Enters an end state, in which the client's leaving no longer matters.
  Calls end_locked(State state);

  const size_t buffer_bytes_;
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  bool is_woken_ = false;
  State state_ = State::kWaiting;
  std::optional<Response> head_;
  bool is_stream_ = false;
  std::string bytes_;
  size_t num_taken_ = 0;  // of bytes_
  uint64_t num_taken_bytes_ = 0;
  size_t max_write_bytes_ = 0;
  bool is_full_ = false;  // Fill::kFull
  bool has_on_gone_ = false;
  Calls calls_;
};

// What a handler answers through. Its destructor drops the answer.
std::shared_ptr<Responder> make_responder(std::shared_ptr<Answer> answer);

}  // namespace braid::http
