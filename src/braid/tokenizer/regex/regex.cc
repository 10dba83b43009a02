#include "braid/tokenizer/regex/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <bitset>
#include <optional>
#include <utility>
#include <vector>

#include "braid/tokenizer/regex/pattern_parser.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

constexpr char32_t kFirstClass = 0x80;  // the byte of class 0
constexpr size_t kMaxClasses = 0x80;
constexpr size_t kMaxPatternBytes = 64 << 10;
constexpr uint32_t kMaxNesting = 100;

// The bytes of the members of `set`, as a PCRE2 character class.
std::string byte_class(const unicode::CodePointSet& set, std::span<const char32_t> representatives) {
  std::bitset<257> bytes;  // the last one stays clear and ends the last range
  for (char32_t c = 0; c < kFirstClass; ++c) bytes[c] = set.contains(c);
  for (size_t i = 0; i < representatives.size(); ++i) bytes[kFirstClass + i] = set.contains(representatives[i]);
  if (bytes.none()) return "(?!)";
  std::string out = "[";
  for (size_t first = 0; first < 256; ++first) {
    if (!bytes[first]) continue;
    size_t last = first;
    while (bytes[last + 1]) ++last;
    out += fmt::format("\\x{:02x}", first);
    if (last > first) out += fmt::format("-\\x{:02x}", last);
    first = last;
  }
  return out + "]";
}

// True if the whole pattern is a run X+ and a rest. A plain search would try each character of a run of X as the start,
// and scan to the run's end each time: quadratic time if the rest is absent (\s+$).
bool starts_with_run(std::span<const PatternPiece> pieces) {
  if (pieces.size() < 3 || !pieces[0].set || pieces[1].syntax != "+") return false;
  int depth = 0;
  for (const PatternPiece& piece : pieces) {
    if (piece.syntax.starts_with('(')) ++depth;
    if (piece.syntax == ")") --depth;
    if (piece.syntax == "|" && depth == 0) return false;
  }
  return true;
}

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR8, 256> buffer{};
  pcre2_get_error_message_8(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

struct FreeCompileContext {
  void operator()(pcre2_compile_context_8* context) const { pcre2_compile_context_free_8(context); }
};

}  // namespace

void Regex::FreeCode::operator()(pcre2_real_code_8* code) const {
  pcre2_code_free_8(code);
}

Regex::Regex(unicode::CodePointTable classes, std::unique_ptr<pcre2_real_code_8, FreeCode> code, bool has_jit)
    : classes_(std::make_unique<const unicode::CodePointTable>(std::move(classes))),
      code_(std::move(code)),
      has_jit_(has_jit) {}

Result<Regex> Regex::compile(std::string_view pattern) {
  const auto wrong = [pattern](const std::string& why) {
    return fail("the pattern \"{}\" cannot be used: {}", pattern.substr(0, 200), why);
  };
  if (pattern.size() > kMaxPatternBytes) {
    return wrong(fmt::format("it has {} bytes, at most {} are allowed", pattern.size(), kMaxPatternBytes));
  }
  if (!unicode::is_valid_utf8(pattern)) return wrong("it is not valid UTF-8");
  const Result<std::vector<PatternPiece>> pieces = parse_pattern(pattern);
  if (!pieces) return wrong(pieces.error().message);

  std::vector<unicode::CodePointSet> sets;
  for (const PatternPiece& piece : *pieces) {
    if (piece.set) sets.push_back(*piece.set);
  }
  std::optional<unicode::CodePointTable> classes = unicode::CodePointTable::classify(sets, kFirstClass, kMaxClasses);
  if (!classes) return wrong(fmt::format("it tells more than {} classes of characters apart", kMaxClasses));
  std::string bytes;
  if (starts_with_run(*pieces)) {
    // The leftmost match starts at the start of the run or of the search: from any later place, the place before it
    // would match too.
    bytes = fmt::format("(?:\\G|(?<!{}))", byte_class(*(*pieces)[0].set, classes->representatives()));
  }
  for (const PatternPiece& piece : *pieces) {
    bytes += piece.set ? byte_class(*piece.set, classes->representatives()) : piece.syntax;
  }

  const std::unique_ptr<pcre2_compile_context_8, FreeCompileContext> context(pcre2_compile_context_create_8(nullptr));
  pcre2_set_newline_8(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit_8(context.get(), kMaxNesting);
  int error = 0;
  PCRE2_SIZE error_offset = 0;
  // Multi-line: Oniguruma's ^ and $ always match at line borders.
  const uint32_t options = PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
  std::unique_ptr<pcre2_real_code_8, FreeCode> code(pcre2_compile_8(
      reinterpret_cast<PCRE2_SPTR8>(bytes.data()), bytes.size(), options, &error, &error_offset, context.get()));
  if (code == nullptr) return wrong(pcre2_message(error));
  const bool has_jit = pcre2_jit_compile_8(code.get(), PCRE2_JIT_COMPLETE) == 0;
  return Regex(*std::move(classes), std::move(code), has_jit);
}

Result<Regex> Regex::compile_literal(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}-&#~").find(c) != std::string_view::npos) pattern.push_back('\\');
    pattern.push_back(c);
  }
  return compile(pattern);
}

void Regex::to_classes(std::string_view text, std::string& out) const {
  out.resize(text.size());
  size_t length = 0;
  for (size_t i = 0; i < text.size();) {
    if (static_cast<uint8_t>(text[i]) < kFirstClass) {
      out[length++] = text[i++];
    } else {
      out[length++] = static_cast<char>(kFirstClass + (*classes_)[unicode::decode_valid(text.data() + i)]);
      i += unicode::sequence_length(text[i]);
    }
  }
  out.resize(length);
}

void Regex::for_each_match(std::string_view text, RegexScratch& scratch,
                           FunctionRef<void(size_t begin, size_t end)> on_match) const {
  if (text.empty()) return;
  const bool is_ascii = unicode::is_ascii(text);
  RegexScratch::Lease classes(scratch);
  if (!is_ascii) to_classes(text, *classes);
  const std::string_view subject = is_ascii ? text : std::string_view(*classes);

  // Converts positions in the subject to positions in the text. Calls must be in ascending order.
  size_t known_subject = 0;
  size_t known_text = 0;
  const auto to_text = [&](size_t place) {
    if (is_ascii) return place;
    for (; known_subject < place; ++known_subject) known_text += unicode::sequence_length(text[known_text]);
    return known_text;
  };

  const auto match = has_jit_ ? &pcre2_jit_match_8 : &pcre2_match_8;
  std::optional<size_t> last_end;
  for (size_t from = 0; from <= subject.size();) {
    const int count = match(code_.get(), reinterpret_cast<PCRE2_SPTR8>(subject.data()), subject.size(), from, 0,
                            scratch.match_data(), scratch.match_context());
    if (count < 0) {
      if (count != PCRE2_ERROR_NOMATCH) scratch.halve_limit();
      return;
    }
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer_8(scratch.match_data());
    const size_t begin = offsets[0];
    const size_t end = offsets[1];
    if (begin == end && last_end == end) {
      from = end + 1;
      continue;
    }
    from = end;
    last_end = end;
    const size_t text_begin = to_text(begin);
    on_match(text_begin, to_text(end));
  }
}

}  // namespace braid
