#include "braid/server/openai/parse/prompts.h"

#include <fmt/format.h>

#include <utility>

namespace braid::openai {

namespace {

// Token ids; nullopt after an error.
std::optional<std::vector<TokenId>> token_ids(ParameterReader& reader, std::string_view name, const Json& list,
                                              const ProtocolLimits& limits) {
  std::vector<TokenId> ids;
  ids.reserve(list.size());
  for (const Json& item : list) {
    const bool is_id = item.is_number_integer() && item.get<double>() >= 0 &&
                       item.get<double>() < static_cast<double>(limits.vocab_size);
    if (!is_id) {
      reader.fail(name, fmt::format("{} holds {}: must be token ids from 0 to {}", name, json_excerpt(item),
                                    limits.vocab_size - 1));
      return std::nullopt;
    }
    ids.push_back(item.get<TokenId>());
  }
  return ids;
}

const char* allowed(PromptKind kind) {
  switch (kind) {
    case PromptKind::kText:
      return "a string, or a list of strings";
    case PromptKind::kIds:
      return "a list of token ids, or a list of those";
    default:
      return "a string, a list of token ids, or a list of those";
  }
}

void add_prompt(ParameterReader& reader, std::string_view name, const Json& value, const ProtocolLimits& limits,
                PromptKind kind, std::vector<Prompt>& prompts) {
  if (value.is_string() && kind != PromptKind::kIds) {
    prompts.emplace_back(value.get<std::string>());
  } else if (value.is_array() && !value.empty() && kind != PromptKind::kText) {
    if (auto ids = token_ids(reader, name, value, limits)) prompts.emplace_back(*std::move(ids));
  } else {
    reader.fail_value(name, value, allowed(kind));
  }
}

}  // namespace

PromptList read_prompts(ParameterReader& reader, std::string_view name, const Json& value, const ProtocolLimits& limits,
                        PromptKind kind) {
  PromptList list;
  if (!value.is_array() || value.empty() || value.front().is_number()) {
    add_prompt(reader, name, value, limits, kind, list.prompts);
  } else if (value.size() > limits.max_prompts) {
    reader.fail(name, fmt::format("{} has {} prompts, at most {} are allowed", name, value.size(), limits.max_prompts));
  } else {
    list.is_list = true;
    for (const Json& prompt : value) add_prompt(reader, name, prompt, limits, kind, list.prompts);
  }
  return list;
}

}  // namespace braid::openai
