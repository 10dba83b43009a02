#include "braid/tokenizer/loading/text_assets.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "braid/formats/gguf_parts.h"
#include "braid/formats/input_file.h"

namespace braid {
namespace {

constexpr std::array<std::string_view, 7> kSpecialTokens = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                            "pad_token", "cls_token", "mask_token"};

Result<std::optional<std::string>> read_if_present(const ResolvedModel& model, std::string_view name,
                                                   int64_t max_bytes) {
  if (!is_there(model.file(name))) return std::optional<std::string>();
  TRY(std::string text, read_text_file(model.file(name), max_bytes));
  return std::optional(std::move(text));
}

Result<std::optional<Json>> read_json_if_present(const ResolvedModel& model, std::string_view name) {
  TRY(const auto text, read_if_present(model, name, kMaxTokenizerBytes));
  if (!text) return std::optional<Json>();
  auto parsed = parse_json(*text, {.unique_keys = true});
  if (!parsed.ok()) return fail("{}: {}", name, parsed.error().message);
  if (!parsed->is_object()) return fail("{} is {}, must be a JSON object", name, json_excerpt(*parsed));
  return std::optional(*std::move(parsed));
}

// A special token is a string, or an object of an added token with its "content".
void add_special_tokens(const JsonObject& json, Json& variables) {
  for (const std::string_view key : kSpecialTokens) {
    const Json* value = json.find(key);
    if (value != nullptr && value->is_object() && value->contains("content")) value = &(*value)["content"];
    if (value != nullptr && value->is_string() && !variables.contains(key)) variables[std::string(key)] = *value;
  }
}

// "chat_template": a string, or [{"name": …, "template": …}, …].
Status add_templates(const JsonObject& json, std::vector<ChatTemplateSource>& templates) {
  const Json* const value = json.find("chat_template");
  if (value == nullptr) return {};
  constexpr std::string_view kMustBe = "a template, or a list of objects with \"name\" and \"template\"";
  if (value->is_string()) {
    templates.push_back({"default", value->get<std::string>()});
    return {};
  }
  if (!value->is_array()) return json.wrong_value("chat_template", kMustBe);
  for (const Json& element : *value) {
    const auto entry = JsonObject::of(element, json.name() + ": chat_template");
    if (!entry.ok()) return json.wrong_value("chat_template", kMustBe);
    TRY(std::string name, entry->get_string("name"));
    TRY(std::string text, entry->get_string("template"));
    templates.push_back({std::move(name), std::move(text)});
  }
  return {};
}

void put_default_first(std::vector<ChatTemplateSource>& templates) {
  std::stable_partition(templates.begin(), templates.end(), [](const auto& t) { return t.name == "default"; });
}

Result<TextAssets> read_directory(const ResolvedModel& model) {
  TextAssets assets;
  TRY(auto tokenizer, read_if_present(model, "tokenizer.json", kMaxTokenizerBytes));
  if (tokenizer) assets.tokenizer = *std::move(tokenizer);

  TRY(auto jinja, read_if_present(model, "chat_template.jinja", kMaxChatTemplateBytes));
  if (jinja) assets.chat_templates.push_back({"default", *std::move(jinja)});
  for (const std::string_view name : {"chat_template.json", "tokenizer_config.json"}) {
    TRY(const auto document, read_json_if_present(model, name));
    if (!document) continue;
    TRY(const auto json, JsonObject::of(*document, std::string(name)));
    if (assets.chat_templates.empty()) TRY_STATUS(add_templates(json, assets.chat_templates));
    add_special_tokens(json, assets.template_variables);
  }
  TRY(const auto map, read_json_if_present(model, "special_tokens_map.json"));
  if (map) {
    TRY(const auto json, JsonObject::of(*map, "special_tokens_map.json"));
    add_special_tokens(json, assets.template_variables);
  }
  put_default_first(assets.chat_templates);
  return assets;
}

Result<std::optional<TokenId>> find_token(const GgufFile& file, std::string_view key, size_t num_tokens) {
  TRY(const auto id, file.find_int(key, 0, static_cast<int64_t>(num_tokens) - 1));
  return id ? std::optional(static_cast<TokenId>(*id)) : std::nullopt;
}

template <typename T>
Result<T> or_empty(Result<std::optional<T>> found) {
  if (!found.ok()) return found.error();
  return found->has_value() ? T(std::move(**found)) : T();
}

Result<GgufVocabulary> read_vocabulary(const GgufFile& file, const std::string& model) {
  GgufVocabulary vocabulary;
  vocabulary.model = model;
  TRY(const auto pre, file.find_string("tokenizer.ggml.pre"));
  vocabulary.pre = pre.value_or("");
  TRY(vocabulary.tokens, or_empty(file.find_strings("tokenizer.ggml.tokens")));
  TRY(vocabulary.scores, or_empty(file.find_floats("tokenizer.ggml.scores")));
  TRY(vocabulary.token_types, or_empty(file.find_ints("tokenizer.ggml.token_type")));
  TRY(vocabulary.merges, or_empty(file.find_strings("tokenizer.ggml.merges")));
  const size_t num_tokens = vocabulary.tokens.size();
  if (num_tokens == 0) return fail("the metadata \"tokenizer.ggml.tokens\" is missing");
  for (const auto& [key, size] : {std::pair("tokenizer.ggml.scores", vocabulary.scores.size()),
                                  std::pair("tokenizer.ggml.token_type", vocabulary.token_types.size())}) {
    if (file.has(key) && size != num_tokens) return fail("\"{}\" has {} elements for {} tokens", key, size, num_tokens);
  }
  TRY(vocabulary.bos, find_token(file, "tokenizer.ggml.bos_token_id", num_tokens));
  TRY(vocabulary.eos, find_token(file, "tokenizer.ggml.eos_token_id", num_tokens));
  TRY(vocabulary.unknown, find_token(file, "tokenizer.ggml.unknown_token_id", num_tokens));
  TRY(vocabulary.add_bos, file.find_bool("tokenizer.ggml.add_bos_token"));
  TRY(vocabulary.add_eos, file.find_bool("tokenizer.ggml.add_eos_token"));
  TRY(vocabulary.add_space_prefix, file.find_bool("tokenizer.ggml.add_space_prefix"));
  return vocabulary;
}

Result<TextAssets> read_gguf(const GgufFile& file) {
  TextAssets assets;
  TRY(const auto model, file.find_string("tokenizer.ggml.model"));
  if (model) {
    TRY(GgufVocabulary vocabulary, read_vocabulary(file, *model));
    const auto add_variable = [&](const char* name, std::optional<TokenId> id) {
      if (id) assets.template_variables[name] = vocabulary.tokens[static_cast<size_t>(*id)];
    };
    TRY(const auto pad, find_token(file, "tokenizer.ggml.padding_token_id", vocabulary.tokens.size()));
    add_variable("bos_token", vocabulary.bos);
    add_variable("eos_token", vocabulary.eos);
    add_variable("unk_token", vocabulary.unknown);
    add_variable("pad_token", pad);
    assets.tokenizer = std::move(vocabulary);
  }
  TRY(auto text, file.find_string("tokenizer.chat_template"));
  if (text) assets.chat_templates.push_back({"default", *std::move(text)});
  TRY(const auto names, file.find_strings("tokenizer.chat_templates"));
  std::set<std::string> seen;  // repeated names count once: a file could name its largest template a million times
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    if (!seen.insert(name).second) continue;
    TRY(auto named, file.find_string("tokenizer.chat_template." + name));
    if (named) assets.chat_templates.push_back({name, *std::move(named)});
  }
  return assets;
}

}  // namespace

const std::string* TextAssets::find_chat_template(std::string_view name) const {
  for (const ChatTemplateSource& source : chat_templates) {
    if (source.name == name) return &source.text;
  }
  return nullptr;
}

Result<TextAssets> read_text_assets(const ResolvedModel& model) {
  if (model.kind == ResolvedModel::Kind::kDirectory) return read_directory(model);
  TRY(const InputFile file, InputFile::open(model.path));
  TRY(const GgufHead head, read_gguf_head(file));
  auto assets = [&]() -> Result<TextAssets> {
    TRY_STATUS(check_is_first_part(head.gguf, file.name()));
    return read_gguf(head.gguf);
  }();
  if (!assets.ok()) return fail("{}: {}", file.name(), assets.error().message);
  return assets;
}

}  // namespace braid
