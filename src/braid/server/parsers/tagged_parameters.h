// For formats that write each parameter of a call between tags. Tested by tagged_calls_test.cc.
#pragma once

#include "braid/server/parsers/tool_stage.h"

namespace braid::parsers {

class TaggedParameterStage : public ToolStage {
 protected:
  using ToolStage::ToolStage;

  // The call's arguments: an object that grows by one member at a time.
  void begin_arguments(std::string tool);  // begins the call, too
  void add_key(std::string_view key);
  void end_arguments() { add_arguments("}"); }
  // The value of the parameter `key`, up to the tag `close`. Strings are passed on as they arrive; other values when
  // they are complete, because their kind must be checked. `drops_newlines`: one after the opening tag, one before the
  // closing tag. False: the text has ended.
  Part<bool> read_value(std::string_view key, std::string_view close, bool drops_newlines);
  static constexpr size_t kMaxKeyBytes = 1024;

 private:
  class ValueSink;

  std::string tool_;
  bool has_parameters_ = false;
};

}  // namespace braid::parsers
