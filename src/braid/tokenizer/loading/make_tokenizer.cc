#include "braid/tokenizer/loading/make_tokenizer.h"

#include <filesystem>
#include <system_error>

#include "braid/formats/input_file.h"

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

bool is_tokenizer_json(const std::string& tokenizer_path) {
  std::error_code error;
  return tokenizer_path.ends_with(".json") && !std::filesystem::is_directory(tokenizer_path, error);
}

Result<std::unique_ptr<Tokenizer>> read_tokenizer_json(const std::string& tokenizer_path) {
  const auto text = read_text_file(tokenizer_path, kMaxTokenizerBytes);
  if (!text.ok()) return fail("--tokenizer-path: {}", text.error().message);
  auto tokenizer = make_tokenizer_from_json(*text);
  if (!tokenizer.ok()) return fail("--tokenizer-path {}: {}", tokenizer_path, tokenizer.error().message);
  return tokenizer;
}

}  // namespace braid
