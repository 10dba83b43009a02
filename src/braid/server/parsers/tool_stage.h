// The part that all parsers of tool calls share: it reads a call that is a JSON object and emits it piece by piece. The
// parsers emit content and calls. Tested by json_calls_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "braid/server/parsers/call_writer.h"
#include "braid/server/parsers/stage.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

class ToolStage : public Stage {
 public:
  struct Options {
    std::shared_ptr<const ToolSet> tools;  // null: any name is a tool's
    CallWriter::Options calls;
  };

 protected:
  explicit ToolStage(Options options);

  const ToolSet& tools() const { return *tools_; }
  // Whether this can be a tool's name: 1 to 128 letters, digits and _ - . : /
  static bool is_name(std::string_view text);
  static bool is_name_byte(int byte);
  // Holds the bytes that a name may have. The result need not be a name.
  Part<std::string> hold_name();

  // The call's head is certain: the held text is part of it.
  void begin_call(std::string name);
  void add_arguments(std::string_view text);
  // A call without arguments gets {}.
  void end_call();

  enum class Trust {
    kForced,  // nothing else can come: if the text ends inside, the call was cut off
    kMarked,  // a marker announced a call
    kBare,    // any object is possible: its first key must be a call's, and its name a tool's
  };
  // {"name": …, "arguments": …}, with its keys in any order, at its "{". False: it is not a call; what was read of it
  // is held. True: the call was emitted and ended where its object ends or becomes invalid; held text is not part of
  // it. A call that was cut off after its name has no arguments.
  Part<bool> read_call_object(Trust trust);
  // A list of such objects, at its "[". True if there was at least one call.
  Part<bool> read_call_array(Trust trust = Trust::kMarked);
  // Arguments as they are, an object at its "{". Line breaks and other control characters inside strings are escaped:
  // models write them, but JSON forbids them.
  Part<> read_arguments_object();

  class ArgumentSink final : public Sink {
   public:
    explicit ArgumentSink(ToolStage& stage) : stage_(stage) {}
    void add(std::string_view text) override { stage_.add_arguments(text); }

   private:
    ToolStage& stage_;
  };

 private:
  Part<bool> read_call_members(Trust trust, std::string& name);  // sets `name` when it is complete
  // An object or string, at its first byte: emitted, or kept in `held_back` and held. False: it was not closed.
  Part<bool> read_arguments(std::string* held_back);
  void pass_arguments(std::string_view text, std::string* held_back);
  Part<bool> hold_string(std::string& value);  // at its quote
  Part<bool> hold_value();

  const std::shared_ptr<const ToolSet> tools_;
  CallWriter calls_;
};

}  // namespace braid::parsers
