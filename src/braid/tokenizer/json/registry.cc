#include "braid/tokenizer/json/registry.h"

#include <span>
#include <string>
#include <utility>

#include "braid/tokenizer/json/read_bpe.h"
#include "braid/tokenizer/parts/decoders.h"
#include "braid/tokenizer/parts/normalizers.h"
#include "braid/tokenizer/parts/post_processors.h"
#include "braid/tokenizer/parts/pre_tokenizers.h"

namespace braid {
namespace {

template <typename Part>
using Parts = std::vector<std::unique_ptr<Part>>;
template <typename Part>
using MadePart = Result<std::unique_ptr<Part>>;

template <typename Part>
struct Maker {
  std::string_view type;
  MadePart<Part> (*make)(const JsonPart& part);
};

template <typename Part>
MadePart<Part> make_by_type(const JsonPart& part, std::span<const Maker<Part>> makers) {
  TRY(const std::string type, part.string("type"));
  std::string known;
  for (const Maker<Part>& maker : makers) {
    if (maker.type == type) return maker.make(part);
    known += (known.empty() ? "" : ", ") + std::string(maker.type);
  }
  return fail("{} has the type \"{}\", supported are {}", part.name(), type.substr(0, 100), known);
}

// Reads each element of the array `key` with `read`.
template <typename Part>
Result<Parts<Part>> read_parts(const JsonPart& part, const char* key, MadePart<Part> (*read)(const JsonPart& part)) {
  TRY(const JsonPart list, part.field(key));
  TRY(const size_t size, list.array_size());
  Parts<Part> parts;
  for (size_t i = 0; i < size; ++i) {
    TRY(const JsonPart element, list.element(i));
    TRY(std::unique_ptr<Part> made, read(element));
    parts.push_back(std::move(made));
  }
  return parts;
}

// The pattern of a Split or Replace: {"Regex": …} or {"String": …}; the other is absent.
struct PatternText {
  std::string text;
  bool is_regex = false;
};
Result<PatternText> read_pattern(const JsonPart& part) {
  TRY(const JsonPart pattern, part.field("pattern"));
  TRY(const JsonPart regex, pattern.field("Regex"));
  TRY(std::string text, regex.is_null() ? pattern.string("String") : regex.as_string());
  return PatternText{std::move(text), !regex.is_null()};
}

Result<Regex> compile_pattern(const JsonPart& part, const PatternText& pattern) {
  Result<Regex> regex = pattern.is_regex ? Regex::compile(pattern.text) : Regex::compile_literal(pattern.text);
  if (!regex) return fail("{}: {}", part.name(), regex.error().message);
  return regex;
}

// Replace has two implementations: the one for plain text is faster.
template <typename Part>
MadePart<Part> read_replace(const JsonPart& part, std::unique_ptr<Part> (*make_plain)(std::string, std::string),
                            std::unique_ptr<Part> (*make_regex)(Regex, std::string)) {
  TRY(PatternText pattern, read_pattern(part));
  TRY(std::string to, part.string("content"));
  if (pattern.text.empty()) return fail("{}.pattern is empty", part.name());
  if (!pattern.is_regex) return make_plain(std::move(pattern.text), std::move(to));
  TRY(Regex regex, compile_pattern(part, pattern));
  return make_regex(std::move(regex), std::move(to));
}

template <unicode::NormalFormKind kKind>
MadePart<Normalizer> normal_form(const JsonPart&) {
  return make_normal_form(kKind);
}
MadePart<Normalizer> lowercase(const JsonPart&) {
  return make_lowercase();
}
MadePart<Normalizer> strip_accents(const JsonPart&) {
  return make_strip_accents();
}
MadePart<Normalizer> strip_spaces(const JsonPart& part) {
  TRY(const bool left, part.boolean_or("strip_left", true));
  TRY(const bool right, part.boolean_or("strip_right", true));
  return make_strip_spaces(left, right);
}
MadePart<Normalizer> prepend(const JsonPart& part) {
  TRY(std::string prefix, part.string("prepend"));
  return make_prepend(std::move(prefix));
}
MadePart<Normalizer> replace_text(const JsonPart& part) {
  return read_replace<Normalizer>(part, &make_replace, &make_regex_replace);
}
MadePart<Normalizer> normalizer_sequence(const JsonPart& part) {
  TRY(Parts<Normalizer> parts, read_parts(part, "normalizers", &read_normalizer));
  return make_normalizer_sequence(std::move(parts));
}
constexpr Maker<Normalizer> kNormalizers[] = {{"NFC", &normal_form<unicode::NormalFormKind::kNfc>},
                                              {"NFD", &normal_form<unicode::NormalFormKind::kNfd>},
                                              {"NFKC", &normal_form<unicode::NormalFormKind::kNfkc>},
                                              {"NFKD", &normal_form<unicode::NormalFormKind::kNfkd>},
                                              {"Lowercase", &lowercase},
                                              {"Strip", &strip_spaces},
                                              {"StripAccents", &strip_accents},
                                              {"Prepend", &prepend},
                                              {"Replace", &replace_text},
                                              {"Sequence", &normalizer_sequence}};

Result<SplitBehaviour> read_behaviour(const JsonPart& part, const std::string& behaviour) {
  static constexpr std::pair<std::string_view, SplitBehaviour> kBehaviours[] = {
      {"Removed", SplitBehaviour::kRemoved},
      {"Isolated", SplitBehaviour::kIsolated},
      {"MergedWithPrevious", SplitBehaviour::kMergedWithPrevious},
      {"MergedWithNext", SplitBehaviour::kMergedWithNext},
      {"Contiguous", SplitBehaviour::kContiguous}};
  for (const auto& [name, value] : kBehaviours) {
    if (name == behaviour) return value;
  }
  return fail("{}.behavior is \"{}\", not one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous",
              part.name(), behaviour.substr(0, 100));
}

MadePart<PreTokenizer> split(const JsonPart& part) {
  TRY(const PatternText pattern, read_pattern(part));
  TRY(const std::string name, part.string("behavior"));
  TRY(const SplitBehaviour behaviour, read_behaviour(part, name));
  TRY(const bool invert, part.boolean_or("invert", false));
  TRY(Regex regex, compile_pattern(part, pattern));
  return make_split(std::move(regex), behaviour, invert);
}
MadePart<PreTokenizer> whitespace(const JsonPart&) {
  return make_whitespace();
}
MadePart<PreTokenizer> whitespace_split(const JsonPart&) {
  return make_whitespace_split();
}
MadePart<PreTokenizer> punctuation(const JsonPart& part) {
  TRY(const std::string name, part.string_or("behavior", "Isolated"));
  TRY(const SplitBehaviour behaviour, read_behaviour(part, name));
  return make_punctuation(behaviour);
}
MadePart<PreTokenizer> byte_level(const JsonPart& part) {
  TRY(const bool add_prefix_space, part.boolean("add_prefix_space"));
  TRY(const bool use_regex, part.boolean_or("use_regex", true));
  return make_byte_level(add_prefix_space, use_regex);
}
MadePart<PreTokenizer> digits(const JsonPart& part) {
  TRY(const bool individual_digits, part.boolean_or("individual_digits", false));
  return make_digits(individual_digits);
}
Result<PrependScheme> read_prepend_scheme(const JsonPart& part) {
  TRY(const bool add_prefix_space, part.boolean_or("add_prefix_space", true));  // the field in older files
  TRY(const std::string scheme, part.string_or("prepend_scheme", add_prefix_space ? "always" : "never"));
  if (scheme == "always") return PrependScheme::kAlways;
  if (scheme == "first") return PrependScheme::kFirst;
  if (scheme == "never") return PrependScheme::kNever;
  return fail("{}.prepend_scheme is \"{}\", not one of always, first, never", part.name(), scheme.substr(0, 100));
}
MadePart<PreTokenizer> metaspace(const JsonPart& part) {
  TRY(std::string replacement, part.string("replacement"));
  if (replacement.empty()) return fail("{}.replacement is empty", part.name());
  TRY(const PrependScheme scheme, read_prepend_scheme(part));
  TRY(const bool splits, part.boolean_or("split", true));
  return make_metaspace(std::move(replacement), scheme, splits);
}
MadePart<PreTokenizer> pre_tokenizer_sequence(const JsonPart& part) {
  TRY(Parts<PreTokenizer> parts, read_parts(part, "pretokenizers", &read_pre_tokenizer));
  return make_pre_tokenizer_sequence(std::move(parts));
}
constexpr Maker<PreTokenizer> kPreTokenizers[] = {{"Split", &split},
                                                  {"ByteLevel", &byte_level},
                                                  {"Digits", &digits},
                                                  {"Metaspace", &metaspace},
                                                  {"Whitespace", &whitespace},
                                                  {"WhitespaceSplit", &whitespace_split},
                                                  {"Punctuation", &punctuation},
                                                  {"Sequence", &pre_tokenizer_sequence}};

constexpr Maker<TokenizerModel> kModels[] = {{"BPE", &read_bpe}};

constexpr size_t kMaxTemplateSteps = 100;

MadePart<PostProcessor> byte_level_offsets(const JsonPart&) {
  return make_no_post_processing();
}
MadePart<PostProcessor> template_processing(const JsonPart& part) {
  TRY(const JsonPart single, part.field("single"));
  TRY(const JsonPart special_tokens, part.field("special_tokens"));
  TRY(const size_t size, single.array_size());
  if (size > kMaxTemplateSteps) return fail("{} has {} steps, at most {}", single.name(), size, kMaxTemplateSteps);
  std::vector<TemplateStep> steps;
  bool has_text = false;
  for (size_t i = 0; i < size; ++i) {
    TRY(const JsonPart step, single.element(i));
    TRY(const JsonPart special, step.field("SpecialToken"));
    if (special.is_null()) {
      TRY(const JsonPart sequence, step.field("Sequence"));
      TRY(const std::string id, sequence.string("id"));
      if (id != "A")
        return fail("{} names the sequence \"{}\", a single text is \"A\"", step.name(), id.substr(0, 100));
      // Otherwise each of several templates in a row could double the text.
      if (std::exchange(has_text, true)) return fail("{} names the sequence \"A\" again", step.name());
      steps.push_back({true, {}});
      continue;
    }
    TRY(const std::string name, special.string("id"));
    TRY(const JsonPart token, special_tokens.field(name.c_str()));
    if (token.is_null()) return fail("{} names \"{}\", which special_tokens lacks", step.name(), name.substr(0, 100));
    TRY(const JsonPart ids, token.field("ids"));
    TRY(const size_t num_ids, ids.array_size());
    if (num_ids > kMaxTemplateSteps) {
      return fail("{} has {} elements, at most {}", ids.name(), num_ids, kMaxTemplateSteps);
    }
    TemplateStep& added = steps.emplace_back();
    for (size_t j = 0; j < num_ids; ++j) {
      TRY(const JsonPart element, ids.element(j));
      TRY(const int64_t id, element.as_integer());
      if (id < 0 || id >= kMaxTokenIds) return fail("{} is {}, ids lie in [0, {})", element.name(), id, kMaxTokenIds);
      added.ids.push_back(static_cast<TokenId>(id));
    }
  }
  return make_template_processing(std::move(steps));
}
MadePart<PostProcessor> post_processor_sequence(const JsonPart& part) {
  TRY(Parts<PostProcessor> parts, read_parts(part, "processors", &read_post_processor));
  return make_post_processor_sequence(std::move(parts));
}
constexpr Maker<PostProcessor> kPostProcessors[] = {{"ByteLevel", &byte_level_offsets},
                                                    {"TemplateProcessing", &template_processing},
                                                    {"Sequence", &post_processor_sequence}};

MadePart<TokenizerDecoder> byte_level_decoder(const JsonPart&) {
  return make_byte_level_decoder();
}
MadePart<TokenizerDecoder> byte_fallback_decoder(const JsonPart&) {
  return make_byte_fallback_decoder();
}
MadePart<TokenizerDecoder> fuse_decoder(const JsonPart&) {
  return make_fuse_decoder();
}
MadePart<TokenizerDecoder> replace_decoder(const JsonPart& part) {
  return read_replace<TokenizerDecoder>(part, &make_replace_decoder, &make_regex_replace_decoder);
}
MadePart<TokenizerDecoder> strip_decoder(const JsonPart& part) {
  TRY(std::string content, part.string("content"));
  TRY(const int64_t start, part.integer("start"));
  TRY(const int64_t stop, part.integer("stop"));
  if (content.empty() || start < 0 || stop < 0) return fail("{}: content, start or stop is out of range", part.name());
  return make_strip_decoder(std::move(content), static_cast<size_t>(start), static_cast<size_t>(stop));
}
MadePart<TokenizerDecoder> metaspace_decoder(const JsonPart& part) {
  TRY(std::string replacement, part.string("replacement"));
  if (replacement.empty()) return fail("{}.replacement is empty", part.name());
  TRY(const PrependScheme scheme, read_prepend_scheme(part));
  return make_metaspace_decoder(std::move(replacement), scheme != PrependScheme::kNever);
}
MadePart<TokenizerDecoder> decoder_sequence(const JsonPart& part) {
  TRY(Parts<TokenizerDecoder> parts, read_parts(part, "decoders", &read_decoder));
  return make_decoder_sequence(std::move(parts));
}
constexpr Maker<TokenizerDecoder> kDecoders[] = {{"ByteLevel", &byte_level_decoder},
                                                 {"ByteFallback", &byte_fallback_decoder},
                                                 {"Fuse", &fuse_decoder},
                                                 {"Metaspace", &metaspace_decoder},
                                                 {"Replace", &replace_decoder},
                                                 {"Strip", &strip_decoder},
                                                 {"Sequence", &decoder_sequence}};

}  // namespace

Result<std::unique_ptr<Normalizer>> read_normalizer(const JsonPart& part) {
  return make_by_type<Normalizer>(part, kNormalizers);
}
Result<std::unique_ptr<PreTokenizer>> read_pre_tokenizer(const JsonPart& part) {
  return make_by_type<PreTokenizer>(part, kPreTokenizers);
}
Result<std::unique_ptr<TokenizerModel>> read_model(const JsonPart& part) {
  return make_by_type<TokenizerModel>(part, kModels);
}
Result<std::unique_ptr<PostProcessor>> read_post_processor(const JsonPart& part) {
  return make_by_type<PostProcessor>(part, kPostProcessors);
}
Result<std::unique_ptr<TokenizerDecoder>> read_decoder(const JsonPart& part) {
  return make_by_type<TokenizerDecoder>(part, kDecoders);
}

}  // namespace braid
