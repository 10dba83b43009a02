// The tokenizer of a real model's fixture, 170 KB with random weights.
#pragma once

#include <memory>
#include <string>

#include "braid/tokenizer/loading/make_tokenizer.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::testing {

inline constexpr const char* kTinyModel = "tests/fixtures/models/gguf_qwen3/model.gguf";

inline std::unique_ptr<Tokenizer> load_tiny_tokenizer() {
  const auto assets = read_text_assets({.kind = ResolvedModel::Kind::kGguf, .path = kTinyModel});
  CHECK(assets.ok(), "{}", assets.error().message);
  return make_tokenizer(*assets, kTinyModel).value();
}

}  // namespace braid::testing
