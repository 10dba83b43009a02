// The seam between the transport and the protocol: a request in, an answer out. Neither side knows the other, and
// nothing here knows sockets.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace braid::http {

struct Header {
  std::string name;
  std::string value;
};

struct Request {
  std::string method;  // "GET"
  std::string path;    // percent-decoded, without the query: "/v1/models/my model"
  std::string query;   // after the '?', unchanged
  std::vector<Header> headers;
  std::string body;
  std::string client;                   // its address and port
  std::vector<Header> parameters = {};  // values for the names in a route's pattern: {"id", "my model"}
  // While it lives, the body counts as one of Limits::max_bodies_bytes. It goes with the body.
  std::shared_ptr<void> body_hold = {};

  // The first header of this name, in any case.
  std::optional<std::string_view> header(std::string_view name) const;
  // The value of a name in the route's pattern.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<Header> headers;  // besides Content-Type, Content-Length and those of the transport
  std::string body;
};

// Answers one request: either respond(), or start_stream(), write() …, finish(). From any thread; no call blocks. Calls
// after the end of the answer, or after the client left, do nothing. If it is destroyed without an answer, the client
// gets 500.
class Responder {
 public:
  virtual ~Responder() = default;

  virtual void respond(Response response) = 0;

  // Sends the head of `response` now (its body is the first piece); write() sends the rest. While a text/event-stream
  // is silent, the transport keeps it alive with comments, so a write() to it must end where an event ends. A write may
  // have any size. The client is disconnected when far more waits for it than the stream's buffer, or the longest
  // write, holds.
  virtual void start_stream(Response response) = 0;
  virtual void write(std::string_view bytes) = 0;
  virtual void finish() = 0;

  // For streams that can wait. has_room(): less waits for the client than the buffer holds. when_room() calls `call`
  // once, from any thread, when that is so (at once, from here, if it already is). It is forgotten when the answer ends
  // or the client leaves.
  virtual bool has_room() const { return true; }
  virtual void when_room(std::function<void()> call) { call(); }

  // Whether the client has left, so that no answer is needed.
  virtual bool is_gone() const { return false; }

  // Called once, from any thread, if the client leaves or stops reading before the answer's end; at once, from here, if
  // it already has. At most one function can be set.
  virtual void on_gone(std::function<void()> gone) = 0;
};

// Called on one of the transport's threads: must not block for long.
using Handler = std::function<void(Request request, std::shared_ptr<Responder> responder)>;

}  // namespace braid::http
