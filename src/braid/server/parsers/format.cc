// Names and tags of formats.
#include "braid/server/parsers/format.h"

#include <array>
#include <utility>

namespace braid::parsers {

namespace {

constexpr std::array kReasoning = {
    std::pair(ReasoningFormat::kNone, std::string_view("none")),
    std::pair(ReasoningFormat::kQwen3, std::string_view("qwen3")),
    std::pair(ReasoningFormat::kDeepSeekR1, std::string_view("deepseek_r1")),
    std::pair(ReasoningFormat::kMistral, std::string_view("mistral")),
    std::pair(ReasoningFormat::kGranite, std::string_view("granite")),
    std::pair(ReasoningFormat::kHarmony, std::string_view("gpt_oss")),
};

constexpr std::array kTools = {
    std::pair(ToolFormat::kNone, std::string_view("none")),
    std::pair(ToolFormat::kHermes, std::string_view("hermes")),
    std::pair(ToolFormat::kLlama3Json, std::string_view("llama3_json")),
    std::pair(ToolFormat::kMistral, std::string_view("mistral")),
    std::pair(ToolFormat::kDeepSeekV3, std::string_view("deepseek_v3")),
    std::pair(ToolFormat::kQwen3Coder, std::string_view("qwen3_coder")),
    std::pair(ToolFormat::kGlm45, std::string_view("glm45")),
    std::pair(ToolFormat::kGranite, std::string_view("granite")),
    std::pair(ToolFormat::kHarmony, std::string_view("gpt_oss")),
};

template <typename Table, typename Format>
std::string_view find_name(const Table& table, Format format) {
  for (const auto& [known, name] : table) {
    if (known == format) return name;
  }
  return "";
}

template <typename Format, typename Table>
std::optional<Format> find_format(const Table& table, std::string_view name) {
  for (const auto& [format, known] : table) {
    if (known == name) return format;
  }
  return std::nullopt;
}

template <typename Table>
std::vector<std::string> names(const Table& table) {
  std::vector<std::string> all;
  for (const auto& [format, name] : table) all.emplace_back(name);
  return all;
}

std::string_view without_trailing_space(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

}  // namespace

std::string_view name_of(ReasoningFormat format) {
  return find_name(kReasoning, format);
}
std::string_view name_of(ToolFormat format) {
  return find_name(kTools, format);
}
std::optional<ReasoningFormat> find_reasoning_format(std::string_view name) {
  return find_format<ReasoningFormat>(kReasoning, name);
}
std::optional<ToolFormat> find_tool_format(std::string_view name) {
  return find_format<ToolFormat>(kTools, name);
}
std::vector<std::string> reasoning_format_names() {
  return names(kReasoning);
}
std::vector<std::string> tool_format_names() {
  return names(kTools);
}

bool has_special_markers(ReasoningFormat format) {
  return format == ReasoningFormat::kMistral || format == ReasoningFormat::kHarmony;
}

bool has_special_markers(ToolFormat format) {
  switch (format) {
    case ToolFormat::kLlama3Json:
    case ToolFormat::kMistral:
    case ToolFormat::kDeepSeekV3:
    case ToolFormat::kGranite:
    case ToolFormat::kHarmony:
      return true;
    case ToolFormat::kNone:
    case ToolFormat::kHermes:
    case ToolFormat::kQwen3Coder:
    case ToolFormat::kGlm45:
    case ToolFormat::kForced:
      return false;
  }
  return false;
}

ReasoningTags reasoning_tags(ReasoningFormat format) {
  switch (format) {
    case ReasoningFormat::kQwen3:
    case ReasoningFormat::kDeepSeekR1:
      return {.open = "<think>", .close = "</think>"};
    case ReasoningFormat::kMistral:
      return {.open = "[THINK]", .close = "[/THINK]"};
    case ReasoningFormat::kGranite:
      return {.open = "<think>", .close = "</think>", .answer_open = "<response>", .answer_close = "</response>"};
    case ReasoningFormat::kNone:
    case ReasoningFormat::kHarmony:
      return {};
  }
  return {};
}

bool begins_inside_reasoning(ReasoningFormat format, std::string_view prompt, std::string_view continued) {
  const ReasoningTags tags = reasoning_tags(format);
  const std::string_view open = tags.open;
  const std::string_view close = tags.close;
  if (open.empty()) return false;
  const std::string_view said = without_trailing_space(prompt);
  if (said.ends_with(open)) return true;
  if (said.ends_with(close)) return false;
  // Tags in the middle of a prompt may be quoted by anyone. Those in the message that is continued are the model's own.
  const size_t last_open = continued.rfind(open);
  const size_t last_close = continued.rfind(close);
  if (last_close != std::string_view::npos) return last_open != std::string_view::npos && last_open > last_close;
  if (last_open != std::string_view::npos) return true;
  return format == ReasoningFormat::kDeepSeekR1 && continued.empty();
}

}  // namespace braid::parsers
