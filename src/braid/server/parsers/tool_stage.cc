// Calls as JSON objects.
#include "braid/server/parsers/tool_stage.h"

#include <algorithm>
#include <utility>

#include "braid/server/parsers/json_text.h"

namespace braid::parsers {

namespace {

constexpr size_t kMaxNameBytes = 128;

bool is_name_key(std::string_view key) {
  return key == "name" || key == "function";
}
bool is_arguments_key(std::string_view key) {
  return key == "arguments" || key == "parameters";
}

}  // namespace

ToolStage::ToolStage(Options options)
    : tools_(options.tools ? std::move(options.tools) : std::make_shared<const ToolSet>()), calls_(options.calls) {}

bool ToolStage::is_name_byte(int byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
         byte == '-' || byte == '.' || byte == ':' || byte == '/';
}

bool ToolStage::is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::ranges::all_of(text, is_name_byte);
}

Part<std::string> ToolStage::hold_name() {
  std::string name;
  for (;;) {
    const int next = co_await peek();
    if (!is_name_byte(next) || name.size() > kMaxNameBytes) co_return name;
    name += static_cast<char>(next);
    hold();
  }
}

void ToolStage::begin_call(std::string name) {
  drop();
  calls_.begin(std::move(name), events());
}

void ToolStage::add_arguments(std::string_view text) {
  calls_.add_arguments(text, events());
}

void ToolStage::end_call() {
  if (!calls_.has_arguments()) add_arguments("{}");
}

Part<bool> ToolStage::hold_string(std::string& value) {
  hold();
  JsonStringDecoder decoder;
  for (;;) {
    const int next = co_await peek();
    if (next == kEnd || !can_hold()) co_return false;
    hold();
    if (decoder.add(static_cast<char>(next), value)) co_return true;
  }
}

Part<bool> ToolStage::hold_value() {
  JsonExtent extent;
  const size_t begin = held().size();
  for (;;) {
    const int next = co_await peek();
    if (!can_hold()) co_return false;
    if (next == kEnd || !extent.takes(static_cast<char>(next))) co_return held().size() > begin;
    hold();
    if (extent.is_complete()) co_return true;
  }
}

void ToolStage::pass_arguments(std::string_view text, std::string* held_back) {
  if (held_back != nullptr) {
    *held_back += text;
  } else {
    add_arguments(text);
  }
}

Part<bool> ToolStage::read_arguments(std::string* held_back) {
  const int first = co_await peek();
  const bool is_text = first == '"';
  JsonExtent extent;
  JsonStringDecoder decoder;
  bool is_opening_quote = is_text;
  for (;;) {
    const int next = co_await peek();
    const char byte = static_cast<char>(next);
    if (held_back != nullptr && !can_hold()) co_return false;
    const bool was_in_string = extent.is_in_string();
    if (next == kEnd || !extent.takes(byte)) {
      std::string rest;
      decoder.finish(rest);
      pass_arguments(rest, held_back);
      co_return false;
    }
    if (held_back != nullptr) {
      hold();
    } else {
      skip();
    }
    std::string text;
    if (!is_text) {
      if (was_in_string && next < 0x20) {
        append_json_escaped({&byte, 1}, text);
      } else {
        text = byte;
      }
    } else if (!is_opening_quote) {
      decoder.add(byte, text);
    }
    is_opening_quote = false;
    pass_arguments(text, held_back);
    if (extent.is_complete()) co_return true;
  }
}

Part<> ToolStage::read_arguments_object() {
  co_await read_arguments(nullptr);
}

Part<bool> ToolStage::read_call_object(Trust trust) {
  std::string name;
  const bool is_call = co_await read_call_members(trust, name);
  if (is_call) {
    end_call();
  } else if (trust == Trust::kForced && !name.empty()) {
    const int next = co_await peek();
    if (next != kEnd) co_return false;
    begin_call(name);
    co_return true;
  }
  co_return is_call;
}

Part<bool> ToolStage::read_call_members(Trust trust, std::string& name) {
  hold();
  std::optional<std::string> early_arguments;  // that came before the name
  bool has_begun = false;
  for (bool is_first = true;; is_first = false) {
    co_await hold_whitespace();
    int next = co_await peek();
    if (next == '}') {
      hold();
      break;
    }
    if (!is_first) {
      if (next != ',') co_return has_begun;
      hold();
      co_await hold_whitespace();
      next = co_await peek();
    }
    std::string key;
    if (next != '"') co_return has_begun;
    if (!co_await hold_string(key)) co_return has_begun;
    co_await hold_whitespace();
    next = co_await peek();
    if (next != ':') co_return has_begun;
    hold();
    co_await hold_whitespace();
    next = co_await peek();
    const bool is_name_of_call = is_name_key(key) && next == '"';
    if (trust == Trust::kBare && is_first && !is_name_of_call && !is_arguments_key(key) && key != "type" &&
        key != "id") {
      co_return false;
    }
    if (is_name_of_call && name.empty()) {
      std::string value;
      if (!co_await hold_string(value)) co_return false;
      if (!is_name(value)) co_return false;
      name = std::move(value);
      if (trust == Trust::kBare && !tools().empty() && !tools().knows(name)) co_return false;
      if (early_arguments) {
        begin_call(name);
        add_arguments(*early_arguments);
        has_begun = true;
      }
    } else if (is_arguments_key(key) && !has_begun && !early_arguments) {
      if (next == 'n') {
        if (!co_await expect("null")) co_return false;
        early_arguments.emplace();
        if (name.empty()) continue;
        begin_call(name);
        has_begun = true;
      } else if (next != '{' && next != '"') {
        co_return false;
      } else if (name.empty()) {
        if (!co_await read_arguments(&early_arguments.emplace())) co_return false;
      } else {
        begin_call(name);
        has_begun = true;
        if (!co_await read_arguments(nullptr)) co_return true;
      }
    } else {
      if (!co_await hold_value()) co_return has_begun;
    }
    if (has_begun) drop();
  }
  if (!has_begun) {
    if (name.empty()) co_return false;
    begin_call(name);
  }
  drop();
  co_return true;
}

Part<bool> ToolStage::read_call_array(Trust trust) {
  hold();
  for (bool has_call = false;; has_call = true) {
    co_await hold_whitespace();
    int next = co_await peek();
    if (has_call && next == ',') {
      hold();
      co_await hold_whitespace();
      next = co_await peek();
    }
    if (has_call && next == ']') {
      hold();
      drop();
      co_return true;
    }
    if (next != '{') co_return has_call;
    const bool is_call = co_await read_call_object(trust);
    if (!is_call) co_return has_call;
  }
}

}  // namespace braid::parsers
