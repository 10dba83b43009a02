#include "braid/tokenizer/gguf/gguf_vocabulary.h"

#include <algorithm>
#include <map>
#include <utility>

#include "braid/tokenizer/gguf/gguf_pre_tokenizers.h"
#include "braid/tokenizer/gguf/score_merges.h"
#include "braid/tokenizer/model/bpe_model.h"
#include "braid/tokenizer/parts/decoders.h"
#include "braid/tokenizer/parts/normalizers.h"
#include "braid/tokenizer/parts/post_processors.h"
#include "braid/tokenizer/parts/pre_tokenizers.h"
#include "braid/tokenizer/pipeline.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

// SentencePiece's mark for a space, U+2581.
constexpr std::string_view kMetaspace = "\u2581";

std::string valid_utf8(std::string_view text) {
  std::string valid;
  unicode::append_lossy(text, false, valid);
  return valid;
}

int32_t token_type(const GgufVocabulary& file, size_t id) {
  return file.token_types.empty() ? kGgufNormal : file.token_types[id];
}

Status check_sizes(const GgufVocabulary& file) {
  if (file.tokens.empty()) return fail("tokenizer.ggml.tokens is missing or empty");
  const auto check = [&file](const char* name, size_t size) -> Status {
    if (size == 0 || size == file.tokens.size()) return {};
    return fail("tokenizer.ggml.{} has {} elements, tokenizer.ggml.tokens has {}", name, size, file.tokens.size());
  };
  TRY_STATUS(check("scores", file.scores.size()));
  TRY_STATUS(check("token_type", file.token_types.size()));
  const auto check_id = [&file](const char* name, std::optional<TokenId> id) -> Status {
    if (!id || (*id >= 0 && static_cast<size_t>(*id) < file.tokens.size())) return {};
    return fail("tokenizer.ggml.{} is {}, the vocabulary has {} tokens", name, *id, file.tokens.size());
  };
  TRY_STATUS(check_id("bos_token_id", file.bos));
  TRY_STATUS(check_id("eos_token_id", file.eos));
  return check_id("unknown_token_id", file.unknown);
}

Result<Vocabulary> make_vocabulary(const GgufVocabulary& file) {
  std::vector<std::pair<std::string, int64_t>> tokens;
  tokens.reserve(file.tokens.size());
  for (size_t id = 0; id < file.tokens.size(); ++id) {
    tokens.emplace_back(valid_utf8(file.tokens[id]), static_cast<int64_t>(id));
  }
  return Vocabulary::make(tokens);
}

// Control tokens and the unknown token are special; user-defined tokens are found in text too.
Result<AddedTokens> make_added_tokens(const GgufVocabulary& file) {
  std::vector<AddedToken> added;
  std::map<std::string, TokenId> seen;  // the first of equal tokens counts
  for (size_t id = 0; id < file.tokens.size(); ++id) {
    const int32_t type = token_type(file, id);
    const bool is_special = type == kGgufControl || type == kGgufUnknown;
    if (!is_special && type != kGgufUserDefined) continue;
    const std::string content = valid_utf8(file.tokens[id]);
    if (content.empty() || !seen.emplace(content, static_cast<TokenId>(id)).second) continue;
    added.push_back({.id = static_cast<TokenId>(id), .content = content, .special = is_special});
  }
  return AddedTokens::make(std::move(added), nullptr);
}

std::unique_ptr<PostProcessor> make_post_processor(const GgufVocabulary& file, bool default_bos) {
  std::vector<TemplateStep> steps;
  if (file.add_bos.value_or(default_bos) && file.bos) steps.push_back({false, {*file.bos}});
  steps.push_back({true, {}});
  if (file.add_eos.value_or(false) && file.eos) steps.push_back({false, {*file.eos}});
  return make_template_processing(std::move(steps));
}

Result<const GgufPreTokenizer*> find_pre_tokenizer(const std::string& name) {
  std::string known;
  const std::string wanted = name.empty() ? "default" : name;
  for (const GgufPreTokenizer& pre : gguf_pre_tokenizers()) {
    for (const std::string_view known_name : pre.names) {
      if (known_name == wanted) return &pre;
      known += (known.empty() ? "" : ", ") + std::string(known_name);
    }
  }
  return fail("tokenizer.ggml.pre is \"{}\", known are {}", name.substr(0, 100), known);
}

Result<std::unique_ptr<PreTokenizer>> make_pre_tokenizer(const GgufPreTokenizer& pre) {
  std::vector<std::unique_ptr<PreTokenizer>> parts;
  if (pre.individual_digits) parts.push_back(make_digits(true));
  for (const std::string_view pattern : pre.patterns) {
    TRY(Regex regex, Regex::compile(pattern));
    parts.push_back(make_split(std::move(regex), SplitBehaviour::kIsolated, false));
  }
  TRY(std::unique_ptr<PreTokenizer> byte_level, make_byte_level(false, false));
  parts.push_back(std::move(byte_level));
  return make_pre_tokenizer_sequence(std::move(parts));
}

Result<PipelineParts> make_gpt2(const GgufVocabulary& file) {
  TRY(const GgufPreTokenizer* pre, find_pre_tokenizer(file.pre));
  std::vector<TextMerge> merges;
  merges.reserve(file.merges.size());
  for (const std::string& merge : file.merges) {
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos) {
      return fail("tokenizer.ggml.merges[{}] is \"{}\", not two tokens with a space between", merges.size(),
                  merge.substr(0, 100));
    }
    merges.emplace_back(valid_utf8(merge.substr(0, space)), valid_utf8(merge.substr(space + 1)));
  }
  PipelineParts parts;
  if (pre->nfc) parts.normalizer = make_normal_form(unicode::NormalFormKind::kNfc);
  BpeOptions options;
  options.ignore_merges = pre->ignore_merges;
  TRY(parts.pre_tokenizer, make_pre_tokenizer(*pre));
  TRY(Vocabulary vocabulary, make_vocabulary(file));
  TRY(parts.model, BpeModel::make(std::move(vocabulary), merges, std::move(options)));
  parts.post_processor = make_post_processor(file, pre->adds_bos);
  parts.decoder = make_byte_level_decoder();
  return parts;
}

Result<PipelineParts> make_llama(const GgufVocabulary& file) {
  if (file.scores.empty()) return fail("tokenizer.ggml.scores is missing, which a llama vocabulary needs");
  const bool adds_space = file.add_space_prefix.value_or(true);
  PipelineParts parts;
  std::vector<std::unique_ptr<Normalizer>> normalizers;
  if (adds_space) normalizers.push_back(make_prepend(std::string(kMetaspace)));
  normalizers.push_back(make_replace(" ", std::string(kMetaspace)));
  parts.normalizer = make_normalizer_sequence(std::move(normalizers));
  TRY(Vocabulary vocabulary, make_vocabulary(file));
  BpeOptions options;
  options.fuse_unknown = true;
  options.byte_fallback = true;
  if (file.unknown) options.unknown_token = std::string(*vocabulary.token(*file.unknown));
  TRY(MergeTable merges, merges_by_score(file, vocabulary));
  TRY(parts.model, BpeModel::make(std::move(vocabulary), std::move(merges), std::move(options)));
  parts.post_processor = make_post_processor(file, true);
  std::vector<std::unique_ptr<TokenizerDecoder>> decoders;
  decoders.push_back(make_replace_decoder(std::string(kMetaspace), " "));
  decoders.push_back(make_byte_fallback_decoder());
  decoders.push_back(make_fuse_decoder());
  if (adds_space) decoders.push_back(make_strip_decoder(" ", 1, 0));
  parts.decoder = make_decoder_sequence(std::move(decoders));
  return parts;
}

struct Kind {
  std::string_view model;
  Result<PipelineParts> (*make)(const GgufVocabulary& file);
};
constexpr Kind kKinds[] = {{"gpt2", &make_gpt2}, {"llama", &make_llama}};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_tokenizer_from_gguf(const GgufVocabulary& vocabulary) {
  TRY_STATUS(check_sizes(vocabulary));
  std::string known;
  for (const Kind& kind : kKinds) {
    if (kind.model == vocabulary.model) {
      TRY(PipelineParts parts, kind.make(vocabulary));
      TRY(parts.added_tokens, make_added_tokens(vocabulary));
      return make_pipeline(std::move(parts));
    }
    known += (known.empty() ? "" : ", ") + std::string(kind.model);
  }
  return fail("tokenizer.ggml.model is \"{}\", known are {}", vocabulary.model.substr(0, 100), known);
}

}  // namespace braid
