// Merges from SentencePiece's scores (Kudo & Richardson 2018, its BPE kind): two neighbours merge if their joined text
// is a token; the highest score first, the leftmost among equal scores. Tested by gguf_vocabulary_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/tokenizer/gguf/gguf_vocabulary.h"
#include "braid/tokenizer/model/merge_table.h"
#include "braid/tokenizer/model/vocabulary.h"

namespace braid {

// Values of tokenizer.ggml.token_type.
inline constexpr int32_t kGgufNormal = 1;
inline constexpr int32_t kGgufUnknown = 2;
inline constexpr int32_t kGgufControl = 3;
inline constexpr int32_t kGgufUserDefined = 4;
inline constexpr int32_t kGgufUnused = 5;
inline constexpr int32_t kGgufByte = 6;

// `vocabulary` is made from `file`, which has one score for each token. A score that is NaN is an error.
Result<MergeTable> merges_by_score(const GgufVocabulary& file, const Vocabulary& vocabulary);

}  // namespace braid
