#include "braid/tokenizer/text_assets.h"

namespace braid {

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const TextAssets& assets, const std::string& model_path) {
  auto tokenizer = [&]() -> Result<std::unique_ptr<Tokenizer>> {
    if (const auto* const json = std::get_if<std::string>(&assets.tokenizer)) return make_tokenizer_from_json(*json);
    if (const auto* const vocabulary = std::get_if<GgufVocabulary>(&assets.tokenizer)) {
      return make_tokenizer_from_gguf(*vocabulary);
    }
    return fail("there is no tokenizer (tokenizer.json, or a GGUF file's vocabulary)");
  }();
  if (!tokenizer.ok()) return fail("{}: {}", model_path, tokenizer.error().message);
  return tokenizer;
}

}  // namespace braid
