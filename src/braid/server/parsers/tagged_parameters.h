// What the formats share that write a call's parameters between tags of their own.
#pragma once

#include "braid/server/parsers/tool_stage.h"

namespace braid::parsers {

class TaggedParameterStage : public ToolStage {
 protected:
  using ToolStage::ToolStage;

  // The call's arguments: an object that grows by a member at a time.
  void begin_arguments(std::string tool);  // the call's begin, too
  void add_key(std::string_view key);
  void end_arguments() { add_arguments("}"); }
  // The value of the parameter `key` up to the tag `close`. Strings are given out as they come, values of other kinds,
  // which have to be looked at, when they are whole. `drops_newlines`: one behind the opening tag, one before the
  // closing one. False: the text has ended.
  Part<bool> read_value(std::string_view key, std::string_view close, bool drops_newlines);
  static constexpr size_t kMaxKeyBytes = 1024;

 private:
  class ValueSink;

  std::string tool_;
  bool has_parameters_ = false;
};

}  // namespace braid::parsers
