// The tokenizer that a checkpoint's files describe.
#pragma once

#include <memory>
#include <string>

#include "braid/base/result.h"
#include "braid/tokenizer/loading/text_assets.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

// From `assets.tokenizer`. A checkpoint without a tokenizer is an error. Errors name `model_path`.
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const TextAssets& assets, const std::string& model_path);

// True if --tokenizer-path names a tokenizer.json itself; otherwise it names a model whose tokenizer is used.
bool is_tokenizer_json(const std::string& tokenizer_path);
Result<std::unique_ptr<Tokenizer>> read_tokenizer_json(const std::string& tokenizer_path);

}  // namespace braid
