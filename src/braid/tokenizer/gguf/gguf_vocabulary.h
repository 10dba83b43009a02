// The vocabulary of a GGUF file as plain data (its tokenizer.ggml.* metadata), and the tokenizer made from it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/ids.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

struct GgufVocabulary {
  std::string model;  // "gpt2" (byte-level BPE) or "llama" (SentencePiece by scores)
  std::string pre;    // names the pre-tokenizer of a gpt2 vocabulary
  std::vector<std::string> tokens;
  std::vector<float> scores;         // llama
  std::vector<int32_t> token_types;  // 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte
  std::vector<std::string> merges;   // gpt2: "left right"
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> unknown;
  std::optional<bool> add_bos;  // absent: the model's default
  std::optional<bool> add_eos;
  std::optional<bool> add_space_prefix;
};

// An unknown `model` or `pre` is an error that lists the known ones.
Result<std::unique_ptr<Tokenizer>> make_tokenizer_from_gguf(const GgufVocabulary& vocabulary);

}  // namespace braid
