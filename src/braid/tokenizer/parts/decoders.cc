#include "braid/tokenizer/parts/decoders.h"

#include <charconv>
#include <optional>
#include <utility>

#include "braid/tokenizer/parts/byte_alphabet.h"
#include "braid/tokenizer/parts/growth.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

class ByteLevelState final : public DecoderState {
 public:
  ByteLevelState(const ByteAlphabet& alphabet, bool continues_text) : alphabet_(alphabet), is_first_(!continues_text) {}

  void push(const Chunk& chunk, ChunkSink sink) override {
    bytes_ += alphabet_.decode(chunk.text);
    flush(true, sink);
  }
  void finish(ChunkSink sink) override { flush(false, sink); }

 private:
  void flush(bool more_may_come, ChunkSink sink) {
    text_.clear();
    bytes_.erase(0, unicode::append_lossy(bytes_, more_may_come, text_));
    if (text_.empty()) return;
    sink({text_, std::exchange(is_first_, false)});
  }

  const ByteAlphabet& alphabet_;
  std::string bytes_;  // an incomplete character: at most three bytes between calls
  std::string text_;
  bool is_first_;
};

class ByteLevelDecoder final : public TokenizerDecoder {
 public:
  double growth() const override { return 3; }  // one byte may become U+FFFD
  std::unique_ptr<DecoderState> start(bool continues_text) const override {
    return std::make_unique<ByteLevelState>(alphabet_, continues_text);
  }
  std::string token_bytes(std::string token) const override { return alphabet_.decode(token); }

 private:
  ByteAlphabet alphabet_;
};

// The byte of "<0x4A>".
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
  uint8_t byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<char>(byte);
}

class ByteFallbackState final : public DecoderState {
 public:
  void push(const Chunk& chunk, ChunkSink sink) override {
    const std::optional<char> byte = chunk.starts_token ? fallback_byte(chunk.text) : std::nullopt;
    if (byte) {
      run_.push_back(*byte);
    } else {
      finish(sink);
      sink(chunk);
    }
  }
  void finish(ChunkSink sink) override {
    if (run_.empty()) return;
    if (unicode::is_valid_utf8(run_)) {
      sink({run_, true});
    } else {
      for (size_t i = 0; i < run_.size(); ++i) sink({"\uFFFD", true});
    }
    run_.clear();
  }

 private:
  std::string run_;
};

class ByteFallback final : public TokenizerDecoder {
 public:
  std::unique_ptr<DecoderState> start(bool) const override { return std::make_unique<ByteFallbackState>(); }
  std::string token_bytes(std::string token) const override {
    const std::optional<char> byte = fallback_byte(token);
    return byte ? std::string(1, *byte) : token;
  }
};

void replace_all(std::string_view text, std::string_view from, std::string_view to, std::string& out) {
  out.clear();
  for (size_t found = text.find(from); found != std::string_view::npos; found = text.find(from)) {
    out += text.substr(0, found);
    out += to;
    text.remove_prefix(found + from.size());
  }
  out += text;
}

class ReplaceState final : public DecoderState {
 public:
  ReplaceState(std::string_view from, std::string_view to) : from_(from), to_(to) {}
  void push(const Chunk& chunk, ChunkSink sink) override {
    replace_all(chunk.text, from_, to_, out_);
    sink({out_, chunk.starts_token});
  }
  void finish(ChunkSink) override {}

 private:
  std::string_view from_;
  std::string_view to_;
  std::string out_;
};

class ReplaceDecoder final : public TokenizerDecoder {
 public:
  ReplaceDecoder(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  double growth() const override { return growth_of_replacing(from_, to_); }
  std::unique_ptr<DecoderState> start(bool) const override { return std::make_unique<ReplaceState>(from_, to_); }
  std::string token_bytes(std::string token) const override {
    std::string out;
    replace_all(token, from_, to_, out);
    return out;
  }

 private:
  std::string from_;
  std::string to_;
};

class RegexReplaceState final : public DecoderState {
 public:
  RegexReplaceState(const Regex& from, std::string_view to) : from_(from), to_(to) {}
  void push(const Chunk& chunk, ChunkSink sink) override {
    out_.clear();
    size_t done = 0;
    from_.for_each_match(chunk.text, scratch_, [&](size_t begin, size_t end) {
      out_ += chunk.text.substr(done, begin - done);
      out_ += to_;
      done = end;
    });
    out_ += chunk.text.substr(done);
    sink({out_, chunk.starts_token});
  }
  void finish(ChunkSink) override {}

 private:
  const Regex& from_;
  std::string_view to_;
  RegexScratch scratch_;
  std::string out_;
};

class RegexReplaceDecoder final : public TokenizerDecoder {
 public:
  RegexReplaceDecoder(Regex from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  double growth() const override { return growth_of_replacing_matches(to_); }
  std::unique_ptr<DecoderState> start(bool) const override { return std::make_unique<RegexReplaceState>(from_, to_); }
  std::string token_bytes(std::string token) const override {
    std::string out;
    RegexReplaceState(from_, to_).push({token, true}, [&out](const Chunk& chunk) { out = chunk.text; });
    return out;
  }

 private:
  Regex from_;
  std::string to_;
};

// All tokens become one, which starts at the text's beginning.
class FuseState final : public DecoderState {
 public:
  explicit FuseState(bool continues_text) : is_first_(!continues_text) {}
  void push(const Chunk& chunk, ChunkSink sink) override { sink({chunk.text, std::exchange(is_first_, false)}); }
  void finish(ChunkSink) override {}

 private:
  bool is_first_;
};

class Fuse final : public TokenizerDecoder {
 public:
  std::unique_ptr<DecoderState> start(bool continues_text) const override {
    return std::make_unique<FuseState>(continues_text);
  }
  std::string token_bytes(std::string token) const override { return token; }
};

class StripState final : public DecoderState {
 public:
  StripState(std::string_view content, size_t start, size_t stop) : content_(content), start_(start), stop_(stop) {}

  void push(const Chunk& chunk, ChunkSink sink) override {
    std::string_view text = chunk.text;
    if (chunk.starts_token) {
      end_token(sink);
      left_at_start_ = start_;
      token_starts_ = true;
    }
    while (left_at_start_ > 0 && text.starts_with(content_)) {
      text.remove_prefix(content_.size());
      --left_at_start_;
    }
    if (!text.empty()) left_at_start_ = 0;
    // Characters that might be stripped at the token's end are held back until more text or the end comes.
    size_t num_held = 0;
    std::string_view before = text;
    while (before.ends_with(content_)) {
      before.remove_suffix(content_.size());
      ++num_held;
    }
    if (!before.empty()) release(held_, sink);
    if (!before.empty()) put(before, sink);
    held_ += num_held;
    if (held_ > stop_) release(held_ - stop_, sink);
  }
  void finish(ChunkSink sink) override { end_token(sink); }

 private:
  void end_token(ChunkSink) { held_ = 0; }  // at most `stop` characters are held, and they are stripped
  void release(size_t count, ChunkSink sink) {
    for (size_t i = 0; i < count; ++i) put(content_, sink);
    held_ -= count;
  }
  void put(std::string_view text, ChunkSink sink) { sink({text, std::exchange(token_starts_, false)}); }

  std::string_view content_;
  size_t start_;
  size_t stop_;
  size_t left_at_start_ = 0;
  size_t held_ = 0;
  bool token_starts_ = true;
};

class Strip final : public TokenizerDecoder {
 public:
  Strip(std::string content, size_t start, size_t stop) : content_(std::move(content)), start_(start), stop_(stop) {}
  std::unique_ptr<DecoderState> start(bool) const override {
    return std::make_unique<StripState>(content_, start_, stop_);
  }
  std::string token_bytes(std::string token) const override { return token; }

 private:
  std::string content_;
  size_t start_;
  size_t stop_;
};

class MetaspaceState final : public DecoderState {
 public:
  MetaspaceState(std::string_view replacement, bool strips_first)
      : replacement_(replacement), strips_next_(strips_first) {}
  void push(const Chunk& chunk, ChunkSink sink) override {
    replace_all(chunk.text, replacement_, std::exchange(strips_next_, false) ? "" : " ", out_);
    sink({out_, chunk.starts_token});
  }
  void finish(ChunkSink) override {}

 private:
  std::string_view replacement_;
  bool strips_next_;
  std::string out_;
};

class MetaspaceDecoder final : public TokenizerDecoder {
 public:
  MetaspaceDecoder(std::string replacement, bool strips_first)
      : replacement_(std::move(replacement)), strips_first_(strips_first) {}
  std::unique_ptr<DecoderState> start(bool continues_text) const override {
    return std::make_unique<MetaspaceState>(replacement_, strips_first_ && !continues_text);
  }
  std::string token_bytes(std::string token) const override {
    std::string out;
    replace_all(token, replacement_, " ", out);
    return out;
  }

 private:
  std::string replacement_;
  bool strips_first_;
};

class SpacesState final : public DecoderState {
 public:
  explicit SpacesState(bool continues_text) : is_first_(!continues_text) {}
  void push(const Chunk& chunk, ChunkSink sink) override {
    if (!std::exchange(is_first_, false) && chunk.starts_token) sink({" ", true});
    sink(chunk);
  }
  void finish(ChunkSink) override {}

 private:
  bool is_first_;
};

class Spaces final : public TokenizerDecoder {
 public:
  std::unique_ptr<DecoderState> start(bool continues_text) const override {
    return std::make_unique<SpacesState>(continues_text);
  }
  std::string token_bytes(std::string token) const override { return token; }
};

class SequenceState final : public DecoderState {
 public:
  explicit SequenceState(std::vector<std::unique_ptr<DecoderState>> stages) : stages_(std::move(stages)) {}
  void push(const Chunk& chunk, ChunkSink sink) override { run(0, chunk, sink); }
  void finish(ChunkSink sink) override {
    for (size_t i = 0; i < stages_.size(); ++i) {
      stages_[i]->finish([&](const Chunk& chunk) { run(i + 1, chunk, sink); });
    }
  }

 private:
  void run(size_t stage, const Chunk& chunk, ChunkSink sink) {
    if (stage == stages_.size()) return sink(chunk);
    stages_[stage]->push(chunk, [&](const Chunk& next) { run(stage + 1, next, sink); });
  }

  std::vector<std::unique_ptr<DecoderState>> stages_;
};

class SequenceDecoder final : public TokenizerDecoder {
 public:
  explicit SequenceDecoder(std::vector<std::unique_ptr<TokenizerDecoder>> parts) : parts_(std::move(parts)) {}
  double growth() const override { return growth_of_all(parts_); }
  std::unique_ptr<DecoderState> start(bool continues_text) const override {
    std::vector<std::unique_ptr<DecoderState>> stages;
    for (const auto& part : parts_) stages.push_back(part->start(continues_text));
    return std::make_unique<SequenceState>(std::move(stages));
  }
  std::string token_bytes(std::string token) const override {
    for (const auto& part : parts_) token = part->token_bytes(std::move(token));
    return token;
  }

 private:
  std::vector<std::unique_ptr<TokenizerDecoder>> parts_;
};

}  // namespace

std::unique_ptr<TokenizerDecoder> make_byte_level_decoder() {
  return std::make_unique<ByteLevelDecoder>();
}
std::unique_ptr<TokenizerDecoder> make_byte_fallback_decoder() {
  return std::make_unique<ByteFallback>();
}
std::unique_ptr<TokenizerDecoder> make_replace_decoder(std::string from, std::string to) {
  return std::make_unique<ReplaceDecoder>(std::move(from), std::move(to));
}
std::unique_ptr<TokenizerDecoder> make_regex_replace_decoder(Regex from, std::string to) {
  return std::make_unique<RegexReplaceDecoder>(std::move(from), std::move(to));
}
std::unique_ptr<TokenizerDecoder> make_fuse_decoder() {
  return std::make_unique<Fuse>();
}
std::unique_ptr<TokenizerDecoder> make_strip_decoder(std::string content, size_t start, size_t stop) {
  return std::make_unique<Strip>(std::move(content), start, stop);
}
std::unique_ptr<TokenizerDecoder> make_metaspace_decoder(std::string replacement, bool strips_first) {
  return std::make_unique<MetaspaceDecoder>(std::move(replacement), strips_first);
}
std::unique_ptr<TokenizerDecoder> make_spaces_decoder() {
  return std::make_unique<Spaces>();
}
std::unique_ptr<TokenizerDecoder> make_decoder_sequence(std::vector<std::unique_ptr<TokenizerDecoder>> parts) {
  return std::make_unique<SequenceDecoder>(std::move(parts));
}

}  // namespace braid
