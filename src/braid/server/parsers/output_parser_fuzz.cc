// libFuzzer: any text in any format, cut in any way, produces the same events. They are well formed, and no text is
// lost. Input: one byte each for the tool format, the reasoning format, the options and the way of cutting; then the
// text.
#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/check.h"
#include "braid/server/parsers/output_parser.h"

namespace {

using namespace braid::parsers;
using Kind = Event::Kind;

constexpr std::array kTools = {ToolFormat::kNone,    ToolFormat::kHermes,     ToolFormat::kLlama3Json,
                               ToolFormat::kMistral, ToolFormat::kDeepSeekV3, ToolFormat::kQwen3Coder,
                               ToolFormat::kGlm45,   ToolFormat::kGranite,    ToolFormat::kHarmony,
                               ToolFormat::kForced};
constexpr std::array kReasoning = {ReasoningFormat::kNone,    ReasoningFormat::kQwen3,   ReasoningFormat::kDeepSeekR1,
                                   ReasoningFormat::kMistral, ReasoningFormat::kHarmony, ReasoningFormat::kGranite};

size_t letter(uint8_t byte) {
  return static_cast<uint8_t>(byte - 'a');
}

void append(Events& all, const Events& more) {
  for (size_t i = 0; i < more.size(); ++i) {
    const Event& event = more[i];
    if (event.kind == Kind::kCallBegin) {
      CHECK(event.text.empty() && !event.name.empty() && !event.id.empty());
      all.push_back(event);
      continue;
    }
    CHECK(!event.text.empty() && event.name.empty() && event.id.empty());
    CHECK(i == 0 || more[i - 1].kind != event.kind || more[i - 1].call != event.call, "neighbours of one kind");
    append_text(all, event.kind, event.text, event.call);
  }
}

// Parses in pieces of 1 to `max_bytes` bytes.
Events parse(const ParserOptions& options, std::string_view text, size_t max_bytes) {
  OutputParser parser(options);
  Events all;
  uint32_t random = 12345;
  while (!text.empty()) {
    random = random * 1664525 + 1013904223;
    const size_t size = 1 + (random >> 8) % max_bytes;
    append(all, parser.push(text.substr(0, size)));
    text.remove_prefix(std::min(size, text.size()));
  }
  append(all, parser.finish());
  return all;
}

bool is_subsequence(std::string_view part, std::string_view whole) {
  size_t at = 0;
  for (const char c : whole) at += at < part.size() && part[at] == c ? 1 : 0;
  return at == part.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  static const std::vector<ToolSpec> kSpecs = {
      {.name = "f",
       .parameters = R"({"properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "object"}}})"},
      {.name = "g"}};
  static const auto kSet = std::make_shared<const ToolSet>(kSpecs);
  const size_t flags = letter(data[2]);
  const ParserOptions options{.reasoning = kReasoning[letter(data[1]) % kReasoning.size()],
                              .begins_inside_reasoning = (flags & 1) != 0,
                              .separate_reasoning = (flags & 2) == 0,
                              .tools = kTools[letter(data[0]) % kTools.size()],
                              .tool_set = (flags & 4) != 0 ? nullptr : kSet,
                              .parallel_tool_calls = (flags & 8) == 0,
                              .id_style = (flags & 16) != 0 ? CallIdStyle::kNineAlphanumeric : CallIdStyle::kOpenAi};
  const std::string_view text(reinterpret_cast<const char*>(data) + 4, size - 4);

  const Events whole = parse(options, text, std::max(size_t{1}, text.size()));
  CHECK(parse(options, text, 1) == whole);
  CHECK(parse(options, text, 2 + letter(data[3])) == whole);

  std::string said;
  std::set<std::string> ids;
  for (const Event& event : whole) {
    if (event.kind == Kind::kCallBegin) {
      CHECK(event.call == static_cast<int32_t>(ids.size()));
      CHECK(ids.insert(event.id).second);
      CHECK(options.tools != ToolFormat::kNone);
      CHECK(options.parallel_tool_calls || ids.size() == 1);
    } else if (event.kind == Kind::kCallArguments) {
      CHECK(event.call + 1 == static_cast<int32_t>(ids.size()));
    } else {
      CHECK(options.separate_reasoning || event.kind == Kind::kContent);
      said += event.text;
    }
  }
  CHECK(is_subsequence(said, text));
  const bool has_harmony = options.tools == ToolFormat::kHarmony ||
                           (options.reasoning == ReasoningFormat::kHarmony && options.tools != ToolFormat::kForced);
  const bool drops_tags = options.separate_reasoning && options.reasoning != ReasoningFormat::kNone;
  if (!ids.empty() || has_harmony || drops_tags) return 0;
  // A forced call that was cut off before its name is not content.
  const size_t missing = options.tools == ToolFormat::kForced ? text.find_first_of("{[", said.size()) : text.npos;
  CHECK(said == text || (text.starts_with(said) && missing != text.npos &&
                         text.substr(said.size(), missing - said.size()).find_first_not_of(" \t\r\n") == text.npos));
  return 0;
}
