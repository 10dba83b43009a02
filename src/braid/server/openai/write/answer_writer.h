// What a request's deltas become on their way to the client: server-sent events, or one body at the end.
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

  // What to send for this news of the prompt with this index; empty: nothing yet. A choice's deltas come in order, and
  // none of them is an error.
  virtual std::string push(size_t prompt, const Delta& delta) = 0;
  // Events that each have all that came before wait here, until the client has taken enough of the last ones: meanwhile
  // news joins them. more() gives the next one.
  virtual bool has_more() const { return false; }
  virtual std::string more() { return {}; }
  // What to send when every choice has ended and nothing waits: a stream's last events, or the whole body.
  virtual std::string finish() = 0;
};

// "data: {…}\n\n"
std::string to_event(const Json& data);
std::string text_to_event(std::string_view json);
// The end of every stream: "data: [DONE]\n\n".
std::string done_event();
// One that fails on its way: the error, then the end.
std::string failure_events(const ApiError& error);

// The text of JSON; broken UTF-8 as U+FFFD.
std::string to_text(const Json& json);

}  // namespace braid::openai
