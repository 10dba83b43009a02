// Normalizers that treat each character by its Unicode properties. Tested by parts_reference_test.cc.
#include <utility>

#include "braid/tokenizer/parts/normalizers.h"
#include "braid/tokenizer/unicode/code_point_set.h"
#include "braid/tokenizer/unicode/lower_case.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

class NormalFormNormalizer final : public Normalizer {
 public:
  explicit NormalFormNormalizer(unicode::NormalFormKind kind)
      : form_(kind), growth_(kind == unicode::NormalFormKind::kNfc || kind == unicode::NormalFormKind::kNfd ? 3 : 11) {}
  double growth() const override { return growth_; }
  bool normalize(std::string_view text, RegexScratch&, std::string& out) const override {
    return form_.normalize(text, out);
  }

 private:
  unicode::NormalForm form_;
  double growth_;  // from Unicode's FAQ on normalization: in NFKC the 3 bytes of U+FDFA become 33
};

class Lowercase final : public Normalizer {
 public:
  double growth() const override { return 1.5; }  // U+0130: 2 bytes become 3
  bool normalize(std::string_view text, RegexScratch&, std::string& out) const override {
    out.clear();
    for (size_t i = 0; i < text.size();) {
      const char c = text[i];
      if (static_cast<unsigned char>(c) < 0x80) {
        out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
        ++i;
        continue;
      }
      unicode::append_lower_case(unicode::decode_valid(text.data() + i), out);
      i += unicode::sequence_length(c);
    }
    return out != text;
  }
};

class StripAccents final : public Normalizer {
 public:
  double growth() const override { return 1; }
  bool normalize(std::string_view text, RegexScratch&, std::string& out) const override {
    out.clear();
    for (size_t i = 0; i < text.size();) {
      const size_t length = unicode::sequence_length(text[i]);
      if (length == 1 || !marks_.contains(unicode::decode_valid(text.data() + i))) out += text.substr(i, length);
      i += length;
    }
    return out.size() != text.size();
  }

 private:
  unicode::CodePointSet marks_ = unicode::combining_marks();
};

class StripSpaces final : public Normalizer {
 public:
  StripSpaces(bool left, bool right) : left_(left), right_(right) {}
  double growth() const override { return 1; }
  bool normalize(std::string_view text, RegexScratch&, std::string& out) const override {
    const size_t size = text.size();
    while (left_ && !text.empty() && space_.contains(unicode::decode_valid(text.data()))) {
      text.remove_prefix(unicode::sequence_length(text.front()));
    }
    while (right_ && !text.empty()) {
      const size_t last = unicode::last_character(text);
      if (!space_.contains(unicode::decode_valid(text.data() + last))) break;
      text = text.substr(0, last);
    }
    if (text.size() == size) return false;
    out = text;
    return true;
  }

 private:
  bool left_;
  bool right_;
  unicode::CodePointSet space_ = unicode::white_space();
};

}  // namespace

std::unique_ptr<Normalizer> make_normal_form(unicode::NormalFormKind kind) {
  return std::make_unique<NormalFormNormalizer>(kind);
}

std::unique_ptr<Normalizer> make_lowercase() {
  return std::make_unique<Lowercase>();
}

std::unique_ptr<Normalizer> make_strip_accents() {
  return std::make_unique<StripAccents>();
}

std::unique_ptr<Normalizer> make_strip_spaces(bool left, bool right) {
  return std::make_unique<StripSpaces>(left, right);
}

}  // namespace braid
