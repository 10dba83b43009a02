#include "braid/control/text_model.h"

#include <filesystem>
#include <utility>

#include "braid/formats/mapped_file.h"
#include "braid/weights/text_assets.h"

namespace braid {
namespace {

constexpr int64_t kMaxTemplateBytes = int64_t{4} << 20;
constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const ModelSourceOptions& source, const TextAssets& own) {
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

Status load_templates(const ModelSourceOptions& source, const TextAssets& own, TextModel& model) {
  if (!source.chat_template_file.empty()) {
    const auto text = read_text_file(source.chat_template_file, kMaxTemplateBytes);
    if (!text.ok()) return fail("--chat-template: {}", text.error().message);
    auto parsed = ChatTemplate::parse(*text);
    if (!parsed.ok()) return fail("--chat-template {}: {}", source.chat_template_file, parsed.error().message);
    model.chat_templates.emplace("default", std::move(parsed).value());
    model.chat_template_text = *text;
    return {};
  }
  for (const ChatTemplateSource& named : own.chat_templates) {
    auto parsed = ChatTemplate::parse(named.text);
    if (!parsed.ok()) {
      return fail("{}: chat template \"{}\": {}", source.model_path, named.name, parsed.error().message);
    }
    model.chat_templates.emplace(named.name, std::move(parsed).value());
    model.chat_template_text += named.text + "\n";
  }
  return {};
}

}  // namespace

Result<std::string> TextModel::render_chat(const Json& variables) const {
  if (chat_templates.empty()) return fail("the model has no chat template; give one with --chat-template FILE");
  Json all = template_variables;
  all.update(variables);
  const auto tools = variables.find("tools");
  const bool has_tools = tools != variables.end() && !tools->empty();
  auto chosen = chat_templates.find(has_tools ? "tool_use" : "default");
  if (chosen == chat_templates.end()) chosen = chat_templates.find("default");
  if (chosen == chat_templates.end()) chosen = chat_templates.begin();
  return chosen->second.render(all);
}

Result<TextModel> load_text_model(const ModelSourceOptions& source) {
  TRY(const ResolvedModel model, resolve_model_path(source.model_path, source.environment));
  TRY(const TextAssets assets, read_text_assets(model));
  TextModel text;
  TRY(text.tokenizer, load_tokenizer(source, assets));
  TRY_STATUS(load_templates(source, assets, text));
  text.template_variables = assets.template_variables;
  return text;
}

Result<Checkpoint> open_checkpoint(const ModelSourceOptions& source) {
  TRY(const ResolvedModel model, resolve_model_path(source.model_path, source.environment));
  return Checkpoint::open(model);
}

}  // namespace braid
