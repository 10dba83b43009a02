#include "braid/tokenizer/parts/pre_tokenizers.h"

#include <algorithm>
#include <utility>

#include "braid/tokenizer/parts/growth.h"
#include "braid/tokenizer/parts/split_behaviour.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

class Split final : public PreTokenizer {
 public:
  Split(Regex regex, SplitBehaviour behaviour, bool invert)
      : regex_(std::move(regex)), behaviour_(behaviour), invert_(invert) {}

  void split(const Piece& piece, Scratch& scratch, PieceSink sink) const override {
    SplitPieces pieces(piece, behaviour_, sink);
    size_t end_of_last = 0;
    regex_.for_each_match(piece.text, scratch.regex, [&](size_t begin, size_t end) {
      if (begin != end_of_last) pieces.add({end_of_last, begin}, invert_);
      pieces.add({begin, end}, !invert_);
      end_of_last = end;
    });
    if (end_of_last != piece.text.size()) pieces.add({end_of_last, piece.text.size()}, invert_);
    pieces.finish();
  }

 private:
  Regex regex_;
  SplitBehaviour behaviour_;
  bool invert_;
};

class ByteLevelPreTokenizer final : public PreTokenizer {
 public:
  ByteLevelPreTokenizer(bool add_prefix_space, std::unique_ptr<PreTokenizer> words)
      : add_prefix_space_(add_prefix_space), words_(std::move(words)) {}

  double growth() const override { return add_prefix_space_ ? 4 : 2; }  // two bytes for each byte, and for the space

  void split(const Piece& piece, Scratch& scratch, PieceSink sink) const override {
    if (piece.text.empty()) return;
    RegexScratch::Lease spaced(scratch.regex);
    RegexScratch::Lease encoded(scratch.regex);
    const auto encode = [&](const Piece& word) {
      encoded->clear();
      alphabet_.append_encoded(word.text, *encoded);
      sink({*encoded, word.is_first});
    };
    Piece whole = piece;
    if (add_prefix_space_ && !piece.text.starts_with(' ')) {
      spaced->push_back(' ');
      spaced->append(piece.text);
      whole.text = *spaced;
    }
    if (words_ == nullptr) {
      encode(whole);
    } else {
      words_->split(whole, scratch, encode);
    }
  }

 private:
  bool add_prefix_space_;
  std::unique_ptr<PreTokenizer> words_;  // null: a piece is one word
  ByteAlphabet alphabet_;
};

// Each character of the set is a match.
class CharacterSplit final : public PreTokenizer {
 public:
  CharacterSplit(const unicode::CodePointSet& set, SplitBehaviour behaviour)
      : behaviour_(behaviour), is_match_(*unicode::CodePointTable::classify({&set, 1}, 0, 2)) {}

  void split(const Piece& piece, Scratch&, PieceSink sink) const override {
    SplitPieces pieces(piece, behaviour_, sink);
    size_t rest = 0;
    for (size_t i = 0; i < piece.text.size();) {
      const size_t length = unicode::sequence_length(piece.text[i]);
      if (is_match_[unicode::decode_valid(piece.text.data() + i)] != 0) {
        if (rest < i) pieces.add({rest, i}, false);
        pieces.add({i, i + length}, true);
        rest = i + length;
      }
      i += length;
    }
    if (rest < piece.text.size()) pieces.add({rest, piece.text.size()}, false);
    pieces.finish();
  }

 private:
  SplitBehaviour behaviour_;
  unicode::CodePointTable is_match_;  // 0 for U+0000, which is in no set
};

class MetaspacePreTokenizer final : public PreTokenizer {
 public:
  MetaspacePreTokenizer(std::string replacement, PrependScheme scheme, bool split)
      : replacement_(std::move(replacement)), scheme_(scheme), split_(split) {}

  // All characters spaces, and one more in front.
  double growth() const override { return 2 * static_cast<double>(replacement_.size()); }

  void split(const Piece& piece, Scratch& scratch, PieceSink sink) const override {
    if (piece.text.empty()) return;
    RegexScratch::Lease text(scratch.regex);
    const bool has_prefix = piece.text.starts_with(' ') || piece.text.starts_with(replacement_);
    const bool wants_prefix = scheme_ == PrependScheme::kAlways || (scheme_ == PrependScheme::kFirst && piece.is_first);
    if (wants_prefix && !has_prefix) *text += replacement_;
    for (const char c : piece.text) {
      if (c == ' ') {
        *text += replacement_;
      } else {
        text->push_back(c);
      }
    }
    const Piece whole{*text, piece.is_first};
    if (!split_) return sink(whole);
    SplitPieces pieces(whole, SplitBehaviour::kMergedWithNext, sink);
    size_t rest = 0;
    for (size_t i = text->find(replacement_); i != std::string::npos; i = text->find(replacement_, rest)) {
      if (rest < i) pieces.add({rest, i}, false);
      rest = i + replacement_.size();
      pieces.add({i, rest}, true);
    }
    if (rest < text->size()) pieces.add({rest, text->size()}, false);
    pieces.finish();
  }

 private:
  std::string replacement_;
  PrependScheme scheme_;
  bool split_;
};

class SequencePreTokenizer final : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}
  double growth() const override { return growth_of_all(parts_); }
  void split(const Piece& piece, Scratch& scratch, PieceSink sink) const override { run(0, piece, scratch, sink); }

 private:
  void run(size_t part, const Piece& piece, Scratch& scratch, PieceSink sink) const {
    if (part == parts_.size()) return sink(piece);
    parts_[part]->split(piece, scratch, [&](const Piece& next) { run(part + 1, next, scratch, sink); });
  }

  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace

std::string_view gpt2_pattern() {
  return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
}

std::unique_ptr<PreTokenizer> make_split(Regex regex, SplitBehaviour behaviour, bool invert) {
  return std::make_unique<Split>(std::move(regex), behaviour, invert);
}

Result<std::unique_ptr<PreTokenizer>> make_byte_level(bool add_prefix_space, bool use_regex) {
  std::unique_ptr<PreTokenizer> words;
  if (use_regex) {
    TRY(Regex regex, Regex::compile(gpt2_pattern()));
    words = make_split(std::move(regex), SplitBehaviour::kIsolated, false);
  }
  return std::unique_ptr<PreTokenizer>(std::make_unique<ByteLevelPreTokenizer>(add_prefix_space, std::move(words)));
}

std::unique_ptr<PreTokenizer> make_digits(bool individual_digits) {
  const SplitBehaviour behaviour = individual_digits ? SplitBehaviour::kIsolated : SplitBehaviour::kContiguous;
  return std::make_unique<CharacterSplit>(unicode::numeric_characters(), behaviour);
}

Result<std::unique_ptr<PreTokenizer>> make_whitespace() {
  // The reference uses Rust's regex crate here: its \w contains the joiners.
  TRY(Regex regex, Regex::compile(R"([\w\x{200C}\x{200D}]+|[^\w\x{200C}\x{200D}\p{White_Space}]+)"));
  return make_split(std::move(regex), SplitBehaviour::kRemoved, true);
}

std::unique_ptr<PreTokenizer> make_whitespace_split() {
  return std::make_unique<CharacterSplit>(unicode::white_space(), SplitBehaviour::kRemoved);
}

std::unique_ptr<PreTokenizer> make_punctuation(SplitBehaviour behaviour) {
  return std::make_unique<CharacterSplit>(unicode::punctuation(), behaviour);
}

std::unique_ptr<PreTokenizer> make_metaspace(std::string replacement, PrependScheme scheme, bool split) {
  return std::make_unique<MetaspacePreTokenizer>(std::move(replacement), scheme, split);
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer_sequence(std::vector<std::unique_ptr<PreTokenizer>> parts) {
  return std::make_unique<SequencePreTokenizer>(std::move(parts));
}

}  // namespace braid
