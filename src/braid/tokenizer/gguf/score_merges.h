// Merges from SentencePiece's scores (Kudo & Richardson 2018, its BPE kind): two neighbours merge where their joined
// text is a token, the highest score first, of equal scores the leftmost.
#pragma once

#include "braid/base/result.h"
#include "braid/tokenizer/gguf_vocabulary.h"
#include "braid/tokenizer/model/merge_table.h"
#include "braid/tokenizer/model/vocabulary.h"

namespace braid {

// tokenizer.ggml.token_type.
inline constexpr int32_t kGgufNormal = 1;
inline constexpr int32_t kGgufUnknown = 2;
inline constexpr int32_t kGgufControl = 3;
inline constexpr int32_t kGgufUserDefined = 4;
inline constexpr int32_t kGgufUnused = 5;
inline constexpr int32_t kGgufByte = 6;

// `vocabulary` is that of `file`, whose scores are as many as its tokens. A score that is not a number is an error.
Result<MergeTable> merges_by_score(const GgufVocabulary& file, const Vocabulary& vocabulary);

}  // namespace braid
