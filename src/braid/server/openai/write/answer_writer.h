// Turns a request's deltas into its answer: server-sent events, or one body at the end. Tested by streams_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "braid/formats/json.h"
#include "braid/request/generation.h"
#include "braid/server/openai/api_error.h"

namespace braid::openai {

class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;

  // The bytes to send for a delta of the prompt with this index; may be empty. A choice's deltas come in order; a delta
  // with an error must not be pushed.
  virtual std::string push(size_t prompt, const Delta& delta) = 0;
  // A writer whose events repeat everything that came before keeps them until the client has read enough. Until then
  // new deltas join the waiting event. more() returns the next event.
  virtual bool has_more() const { return false; }
  virtual std::string more() { return {}; }
  // The bytes to send when every choice has ended and no event waits: a stream's last events, or the whole body.
  virtual std::string finish() = 0;
};

// "data: {…}\n\n"
std::string to_event(const Json& data);
std::string text_to_event(std::string_view json);
// The end of every stream: "data: [DONE]\n\n".
std::string done_event();
// The end of a stream that fails: the error, then [DONE].
std::string failure_events(const ApiError& error);

// JSON as text; broken UTF-8 becomes U+FFFD.
std::string to_text(const Json& json);

}  // namespace braid::openai
