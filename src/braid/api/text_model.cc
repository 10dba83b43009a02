#include "braid/api/text_model.h"

#include "braid/hub/model_path.h"
#include "braid/tokenizer/loading/make_tokenizer.h"
#include "braid/tokenizer/loading/text_assets.h"

namespace braid {
namespace {

Result<TextAssets> read_assets(const std::string& path, const ModelPathEnvironment& environment) {
  TRY(const ResolvedModel model, resolve_model_path(path, environment));
  return read_text_assets(model);
}

Result<TextAssets> read_own_assets(const ModelSourceOptions& source) {
  return read_assets(source.model_path, source.environment);
}

Result<std::unique_ptr<Tokenizer>> choose_tokenizer(const ModelSourceOptions& source, const TextAssets& own) {
  if (source.tokenizer_path.empty()) return make_tokenizer(own, source.model_path);
  if (is_tokenizer_json(source.tokenizer_path)) return read_tokenizer_json(source.tokenizer_path);
  TRY(const TextAssets assets, read_assets(source.tokenizer_path, source.environment));
  return make_tokenizer(assets, source.tokenizer_path);
}

Result<ChatTemplates> choose_templates(const ModelSourceOptions& source, const TextAssets& own) {
  return choose_chat_templates(own, source.model_path, source.chat_template_file);
}

}  // namespace

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
