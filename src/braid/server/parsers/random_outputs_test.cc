// Tests OutputParser with outputs of every format, made from random messages. The parser finds what was written,
// however the text was cut; and of damaged outputs it loses nothing.
#include <cstdlib>

#include "braid/server/parsers/json_text.h"
#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/server/parsers/parsing.h"

namespace braid::parsers {
namespace {

struct Call {
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;  // all are strings
};

struct Message {
  std::string thinking;
  std::string content;
  std::vector<Call> calls;
};

class Writer {
 public:
  explicit Writer(uint32_t seed) : random_(seed) {}

  size_t below(size_t limit) { return std::uniform_int_distribution<size_t>(0, limit - 1)(random_); }

  // Words, pieces of markers and characters that need escapes; never begins or ends with a line break.
  std::string text(size_t max_parts) {
    static const std::vector<std::string> kParts = {
        "a",  "word", " ", "\n",     "é",      "😀",          "\"",          "\\",      "{",    "}",        "[",
        "]",  "<",    ">", "</",     "<tool",  "<|",         "<｜tool",     "[TOOL",   ":",    ",",        ";",
        "\t", "```",  "/", "<think", "</thin", "tool_call>", "<|python_ta", "<|chann", "name", "function="};
    std::string made;
    for (size_t i = below(max_parts + 1); i > 0; --i) made += kParts[below(kParts.size())];
    while (made.starts_with('\n')) made.erase(0, 1);
    while (made.ends_with('\n')) made.pop_back();
    return made;
  }

  std::string name() {
    std::string made = "f";
    for (size_t i = below(8); i > 0; --i) made += "abc_-019"[below(8)];
    return made;
  }

  Message message(bool thinks) {
    Message made;
    if (thinks) made.thinking = "T" + text(10);
    if (below(3) > 0) made.content = "C" + text(10) + ".";
    for (size_t i = below(4); i > 0; --i) {
      Call& call = made.calls.emplace_back(Call{.name = name()});
      for (size_t j = below(4); j > 0; --j) call.arguments.emplace_back("k" + std::to_string(j), text(12));
    }
    return made;
  }

 private:
  std::mt19937 random_;
};

std::string json_string(std::string_view text) {
  std::string made = "\"";
  append_json_escaped(text, made);
  return made + '"';
}

std::string json_of(const Call& call) {
  std::string made = "{";
  for (const auto& [key, value] : call.arguments) {
    made += (made.size() > 1 ? ", " : "") + json_string(key) + ": " + json_string(value);
  }
  return made + "}";
}

std::string object_of(const Call& call, const char* arguments_key = "arguments") {
  return "{\"name\": " + json_string(call.name) + ", \"" + arguments_key + "\": " + json_of(call) + "}";
}

// What a model with this format writes.
std::string calls_as(ToolFormat format, const std::vector<Call>& calls, size_t variant) {
  std::string text;
  std::string list;
  for (const Call& call : calls) list += (list.empty() ? "" : ", ") + object_of(call);
  for (const Call& call : calls) {
    switch (format) {
      case ToolFormat::kHermes:
        text += "\n<tool_call>\n" + object_of(call) + "\n</tool_call>";
        break;
      case ToolFormat::kLlama3Json:
        text += (text.empty() ? "<|python_tag|>" : "; ") + object_of(call, "parameters");
        break;
      case ToolFormat::kMistral:
        text += "[TOOL_CALLS]" + call.name + (variant == 1 ? "[ARGS]" : "") + json_of(call);
        break;
      case ToolFormat::kDeepSeekV3:
        text += text.empty() ? "<｜tool▁calls▁begin｜>" : "\n";
        text += variant == 0
                    ? "<｜tool▁call▁begin｜>function<｜tool▁sep｜>" + call.name + "\n```json\n" + json_of(call) +
                          "\n```<｜tool▁call▁end｜>"
                    : "<｜tool▁call▁begin｜>" + call.name + "<｜tool▁sep｜>" + json_of(call) + "<｜tool▁call▁end｜>";
        break;
      case ToolFormat::kQwen3Coder:
        text += "\n<tool_call>\n<function=" + call.name + ">\n";
        for (const auto& [key, value] : call.arguments)
          text += "<parameter=" + key + ">\n" + value + "\n</parameter>\n";
        text += "</function>\n</tool_call>";
        break;
      case ToolFormat::kGlm45:
        text += "\n<tool_call>" + call.name + "\n";
        for (const auto& [key, value] : call.arguments) {
          text += "<arg_key>" + key + "</arg_key>\n<arg_value>" + value + "</arg_value>\n";
        }
        text += "</tool_call>";
        break;
      default:
        break;
    }
  }
  if (calls.empty()) return "";
  if (format == ToolFormat::kDeepSeekV3) return text + "<｜tool▁calls▁end｜>";
  if (format == ToolFormat::kGranite) return "<|tool_call|>[" + list + "]";
  if (format == ToolFormat::kMistral && variant == 2) return "[TOOL_CALLS] [" + list + "]";
  return text;
}

std::string write(const Message& message, const ParserOptions& options, size_t variant) {
  if (options.tools == ToolFormat::kHarmony) {
    std::string text = "<|channel|>analysis<|message|>" + message.thinking + "<|end|>";
    const std::string header = "<|start|>assistant<|channel|>";
    if (!message.content.empty()) text += header + "commentary<|message|>" + message.content + "<|end|>";
    for (const Call& call : message.calls) {
      text += header + "commentary to=functions." + call.name + " <|constrain|>json<|message|>" + json_of(call) +
              "<|call|>";
    }
    return text;
  }
  std::string text;
  if (!message.thinking.empty()) text = "<think>\n" + message.thinking + "\n</think>\n\n";
  return text + message.content + calls_as(options.tools, message.calls, variant);
}

ParserOptions options_for(ToolFormat format, const Message& message) {
  const bool is_harmony = format == ToolFormat::kHarmony;
  std::vector<ToolSpec> tools;
  for (const Call& call : message.calls) {
    tools.push_back({.name = call.name, .parameters = R"({"properties": {"k1": {"type": "string"}, "k2": {"type":
      "string"}, "k3": {"type": "string"}}})"});
  }
  return {.reasoning = is_harmony ? ReasoningFormat::kHarmony : ReasoningFormat::kQwen3,
          .tools = format,
          .tool_set = std::make_shared<ToolSet>(tools)};
}

constexpr ToolFormat kAllFormats[] = {ToolFormat::kHermes,     ToolFormat::kLlama3Json, ToolFormat::kMistral,
                                      ToolFormat::kDeepSeekV3, ToolFormat::kQwen3Coder, ToolFormat::kGlm45,
                                      ToolFormat::kGranite,    ToolFormat::kHarmony};

uint32_t first_seed() {
  const char* const text = std::getenv("BRAID_TEST_SEED");
  return text != nullptr ? static_cast<uint32_t>(std::strtoul(text, nullptr, 10)) : 1;
}

TEST(OutputParser, FindsWhatWasWrittenHoweverItWasCut) {
  for (uint32_t seed = first_seed(); seed < first_seed() + 60; ++seed) {
    for (const ToolFormat format : kAllFormats) {
      Writer writer(seed);
      const Message message = writer.message(format == ToolFormat::kHarmony || writer.below(2) == 0);
      const ParserOptions options = options_for(format, message);
      std::string expected = message.thinking.empty() ? "" : "(" + message.thinking + ")";
      expected += message.content;
      for (size_t i = 0; i < message.calls.size(); ++i) {
        expected += "[" + std::to_string(i) + " " + message.calls[i].name + " " + json_of(message.calls[i]) + "]";
      }
      const std::string text = write(message, options, writer.below(3));
      EXPECT_EQ(testing::parsed(options, text), expected)
          << "BRAID_TEST_SEED=" << seed << ", " << name_of(format) << ": " << text;
    }
  }
}

// The output with a part removed, doubled or inserted, anywhere.
std::string damaged(std::string text, Writer& writer) {
  for (size_t i = 1 + writer.below(3); i > 0 && !text.empty(); --i) {
    const size_t at = writer.below(text.size());
    const size_t size = 1 + writer.below(12);
    switch (writer.below(3)) {
      case 0:
        text.erase(at, size);
        break;
      case 1:
        text.insert(at, text.substr(writer.below(text.size()), size));
        break;
      default:
        text.insert(at, writer.text(3));
    }
  }
  return text;
}

bool is_subsequence(std::string_view part, std::string_view whole) {
  size_t at = 0;
  for (const char c : whole) at += at < part.size() && part[at] == c ? 1 : 0;
  return at == part.size();
}

TEST(OutputParser, LosesNothingOfDamagedOutputs) {
  for (uint32_t seed = first_seed(); seed < first_seed() + 60; ++seed) {
    for (const ToolFormat format : kAllFormats) {
      Writer writer(seed);
      const Message message = writer.message(format == ToolFormat::kHarmony);
      ParserOptions options = options_for(format, message);
      const std::string text = damaged(write(message, options, writer.below(3)), writer);
      if (format != ToolFormat::kHarmony) options.reasoning = ReasoningFormat::kNone;
      const Events events = testing::parse(options, text);
      std::string content;
      bool has_call = false;
      for (const Event& event : events) {
        if (event.kind == Event::Kind::kCallBegin) has_call = true;
        if (event.kind != Event::Kind::kCallArguments) content += event.text;
      }
      const std::string where = "BRAID_TEST_SEED=" + std::to_string(seed) + ", " + std::string(name_of(format));
      EXPECT_TRUE(is_subsequence(content, text)) << where << ": " << text;
      if (!has_call && format != ToolFormat::kHarmony) {
        EXPECT_EQ(content, text) << where;
      }
    }
  }
}

// A client gets each event by itself, so each must be valid text.
TEST(OutputParser, EventsOfWholeCharactersHaveWholeCharacters) {
  for (uint32_t seed = first_seed(); seed < first_seed() + 60; ++seed) {
    for (const ToolFormat format : kAllFormats) {
      Writer writer(seed);
      const Message message = writer.message(format == ToolFormat::kHarmony);
      const std::string text = damaged(write(message, options_for(format, message), writer.below(3)), writer);
      std::string valid;
      unicode::append_lossy(text, false, valid);
      OutputParser parser(options_for(format, message));
      for (size_t begin = 0; begin <= valid.size();) {
        const bool is_end = begin == valid.size();
        const size_t size = is_end ? 1 : unicode::sequence_length(valid[begin]);
        for (const Event& event : is_end ? parser.finish() : parser.push(std::string_view(valid).substr(begin, size))) {
          EXPECT_TRUE(unicode::is_valid_utf8(event.text) && unicode::is_valid_utf8(event.name))
              << "BRAID_TEST_SEED=" << seed << ", " << name_of(format) << ": " << valid;
        }
        begin += size;
      }
    }
  }
}

}  // namespace
}  // namespace braid::parsers
