// Rewrites a conversation of an older client in the form of tools: an assistant's function_call, and messages of the
// role "function". Chat templates know tools alone. Tested by function_messages_test.cc.
#pragma once

#include <string>

#include "braid/server/openai/parse/parameter_reader.h"

namespace braid::openai {

class FunctionMessages {
 public:
  // What is wrong with a message becomes the reader's error.
  explicit FunctionMessages(ParameterReader& reader) : reader_(reader) {}

  // To be called for each message in order; `where` names it: "messages[2]". A function's message answers the call
  // before it.
  void convert(Json& message, const std::string& where);

 private:
  std::string last_id() const;

  ParameterReader& reader_;
  int num_calls_ = 0;
};

}  // namespace braid::openai
