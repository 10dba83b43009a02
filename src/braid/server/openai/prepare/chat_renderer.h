// A chat request's prompt, by the model's template, in the way that the template wants it.
#pragma once

#include <functional>
#include <string>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/server/openai/parse/requests.h"

namespace braid::openai {

class ChatRenderer {
 public:
  using Render = std::function<Result<std::string>(const Json& variables)>;

  // `render`: the template, which may be called at once (to see whether it wants a tool call's arguments as an object
  // or as text), and from several threads. `knows_developer`: the template has a role of this name; for one that has
  // not, a developer's message is the system's.
  ChatRenderer(Render render, bool knows_developer);

  // Its special tokens are in it: it is encoded without adding any.
  Result<std::string> prompt(const ChatRequest& request) const;

 private:
  Render render_;
  bool knows_developer_;
  bool wants_argument_text_;
};

}  // namespace braid::openai
