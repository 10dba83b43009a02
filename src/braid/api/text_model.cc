#include "braid/api/text_model.h"

#include <filesystem>
#include <utility>

#include "braid/formats/input_file.h"
#include "braid/hub/model_path.h"
#include "braid/tokenizer/text_assets.h"

namespace braid {
namespace {

constexpr int64_t kMaxTemplateBytes = int64_t{4} << 20;
constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;

Result<TextAssets> read_own_assets(const ModelSourceOptions& source) {
  TRY(const ResolvedModel model, resolve_model_path(source.model_path, source.environment));
  return read_text_assets(model);
}

Result<std::unique_ptr<Tokenizer>> choose_tokenizer(const ModelSourceOptions& source, const TextAssets& own) {
  if (source.tokenizer_path.empty()) return make_tokenizer(own, source.model_path);
  std::error_code error;
  if (source.tokenizer_path.ends_with(".json") && !std::filesystem::is_directory(source.tokenizer_path, error)) {
    const auto text = read_text_file(source.tokenizer_path, kMaxTokenizerBytes);
    if (!text.ok()) return fail("--tokenizer-path: {}", text.error().message);
    auto tokenizer = make_tokenizer_from_json(*text);
    if (!tokenizer.ok()) return fail("--tokenizer-path {}: {}", source.tokenizer_path, tokenizer.error().message);
    return tokenizer;
  }
  TRY(const ResolvedModel model, resolve_model_path(source.tokenizer_path, source.environment));
  TRY(const TextAssets assets, read_text_assets(model));
  return make_tokenizer(assets, source.tokenizer_path);
}

Result<ChatTemplates> choose_templates(const ModelSourceOptions& source, const TextAssets& own) {
  ChatTemplates chosen;
  chosen.variables = own.template_variables;
  if (!source.chat_template_file.empty()) {
    const auto text = read_text_file(source.chat_template_file, kMaxTemplateBytes);
    if (!text.ok()) return fail("--chat-template: {}", text.error().message);
    auto parsed = ChatTemplate::parse(*text);
    if (!parsed.ok()) return fail("--chat-template {}: {}", source.chat_template_file, parsed.error().message);
    chosen.by_name.emplace("default", std::move(parsed).value());
    chosen.text = *text;
    return chosen;
  }
  for (const ChatTemplateSource& named : own.chat_templates) {
    auto parsed = ChatTemplate::parse(named.text);
    if (!parsed.ok()) {
      return fail("{}: chat template \"{}\": {}", source.model_path, named.name, parsed.error().message);
    }
    chosen.by_name.emplace(named.name, std::move(parsed).value());
    chosen.text += named.text + "\n";
  }
  return chosen;
}

}  // namespace

Result<std::string> ChatTemplates::render(const Json& given) const {
  if (empty()) return fail("the model has no chat template; give one with --chat-template FILE");
  Json all = variables;
  all.update(given);
  const auto tools = given.find("tools");
  const bool has_tools = tools != given.end() && !tools->empty();
  auto chosen = by_name.find(has_tools ? "tool_use" : "default");
  if (chosen == by_name.end()) chosen = by_name.find("default");
  if (chosen == by_name.end()) chosen = by_name.begin();
  return chosen->second.render(all);
}

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const ModelSourceOptions& source) {
  TRY(const TextAssets assets, read_own_assets(source));
  return choose_tokenizer(source, assets);
}

Result<ChatTemplates> load_chat_templates(const ModelSourceOptions& source) {
  TRY(const TextAssets assets, read_own_assets(source));
  return choose_templates(source, assets);
}

Result<TextModel> load_text_model(const ModelSourceOptions& source) {
  TRY(const TextAssets assets, read_own_assets(source));
  TextModel text;
  TRY(text.tokenizer, choose_tokenizer(source, assets));
  TRY(text.chat, choose_templates(source, assets));
  return text;
}

Result<Checkpoint> open_checkpoint(const ModelSourceOptions& source) {
  TRY(const ResolvedModel model, resolve_model_path(source.model_path, source.environment));
  return Checkpoint::open(model);
}

}  // namespace braid
