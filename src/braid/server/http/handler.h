// What lies between the transport and the protocol: a request in, an answer out. Neither side knows the other; nothing
// here knows sockets.
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
  std::string query;   // behind the '?', as it came
  std::vector<Header> headers;
  std::string body;
  std::string client;                   // its address and port
  std::vector<Header> parameters = {};  // what stands for the names in a route's pattern: {"id", "my model"}

  // The first header of this name, whatever its case.
  std::optional<std::string_view> header(std::string_view name) const;
  // Of the route's pattern.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<Header> headers;  // beside Content-Type, Content-Length and what the transport adds
  std::string body;
};

// One request's way back to its client: either respond(), or start_stream(), write() …, finish(). From any thread; no
// call blocks. Calls after the end of the answer, or after the client left, do nothing. Dropped unanswered: 500.
class Responder {
 public:
  virtual ~Responder() = default;

  virtual void respond(Response response) = 0;

  // The head of `response` now (its body is the first piece), the rest as it is written. While nothing is written to a
  // text/event-stream, the transport keeps it alive with comments; so a write() there ends where an event ends. One
  // write may have any size, but a client for whom far more waits than the stream's buffer holds, or than the longest
  // write was, is given up.
  virtual void start_stream(Response response) = 0;
  virtual void write(std::string_view bytes) = 0;
  virtual void finish() = 0;

  // For streams that can wait: whether less waits for the client than the buffer holds; and to be called, once, from
  // any thread, when that is so (at once, from here, if it is). Forgotten when the answer ends or the client is gone.
  virtual bool has_room() const { return true; }
  virtual void when_room(std::function<void()> call) { call(); }

  // Called once, from any thread, if the client goes away or stops reading before the answer's end; at once, from
  // here, if it has already. At most one function can be set.
  virtual void on_gone(std::function<void()> gone) = 0;
};

// Called on one of the transport's threads: must not block for long.
using Handler = std::function<void(Request request, std::shared_ptr<Responder> responder)>;

}  // namespace braid::http
