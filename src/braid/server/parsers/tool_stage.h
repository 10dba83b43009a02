// What the parsers of tool calls share: reading a call that is written as a JSON object, and giving it out piece by
// piece. They give content and calls.
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
    std::shared_ptr<const ToolSet> tools;  // null: any name is taken for a tool's
    CallWriter::Options calls;
  };

 protected:
  explicit ToolStage(Options options);

  const ToolSet& tools() const { return *tools_; }
  // What can be a tool's name: 1 to 128 letters, digits and _ - . : /
  static bool is_name(std::string_view text);
  static bool is_name_byte(int byte);
  // Holds the bytes of a name; what it gives need not be one.
  Part<std::string> hold_name();

  // The call's head is certain: what is held was part of it.
  void begin_call(std::string name);
  void add_arguments(std::string_view text);
  // Without any, they are {}.
  void end_call();

  enum class Trust {
    kForced,  // nothing else can come: a text that ends within is a call that was cut off
    kMarked,  // a marker said that a call comes
    kBare,    // it may be any object: its first key must be a call's, and its name that of a tool
  };
  // {"name": …, "arguments": …}, the keys in any order, at its "{". False: it is no call, and what of it was read is
  // held. True: the call has been given out; it ended where its object ends, or goes wrong. What is held then is no
  // part of it. One that was cut off behind its name has no arguments.
  Part<bool> read_call_object(Trust trust);
  // A list of such objects, at its "[". True if there was a call at least.
  Part<bool> read_call_array(Trust trust = Trust::kMarked);
  // Arguments as they stand, an object at its "{". Line breaks and other controls inside strings are escaped: models
  // write them so, and JSON forbids it.
  Part<> read_arguments_object();

  class ArgumentSink final : public Sink {
   public:
    explicit ArgumentSink(ToolStage& stage) : stage_(stage) {}
    void add(std::string_view text) override { stage_.add_arguments(text); }

   private:
    ToolStage& stage_;
  };

 private:
  Part<bool> read_call_members(Trust trust, std::string& name);  // `name`: once it is whole
  // An object or string, at its first byte: given out, or kept in `held_back` and held. False: it was not closed.
  Part<bool> read_arguments(std::string* held_back);
  void pass_arguments(std::string_view text, std::string* held_back);
  Part<bool> hold_string(std::string& value);  // at its quote
  Part<bool> hold_value();

  const std::shared_ptr<const ToolSet> tools_;
  CallWriter calls_;
};

}  // namespace braid::parsers
