#include "braid/tokenizer/pipeline.h"

#include <algorithm>
#include <utility>

#include "braid/tokenizer/model/bpe_model.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid {

Scratch::Scratch() : bpe(std::make_unique<BpeScratch>()) {}
Scratch::~Scratch() = default;

namespace {

// Scratches that no thread uses now. There are at most as many as threads that ever encoded at the same time.
class ScratchPool {
 public:
  std::unique_ptr<Scratch> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Scratch>();
    std::unique_ptr<Scratch> scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void put(std::unique_ptr<Scratch> scratch) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(scratch));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_;
};

class Pipeline final : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts) : parts_(std::move(parts)) {}

  std::vector<TokenId> encode(std::string_view text, bool add_special_tokens) const override {
    std::string repaired;
    if (!unicode::is_valid_utf8(text)) {
      unicode::append_lossy(text, false, repaired);
      text = repaired;
    }
    std::vector<TokenId> ids;
    std::unique_ptr<Scratch> scratch = scratches_.take();
    scratch->regex.start_text();
    parts_.added_tokens.split(text, false, [&](const AddedTokens::Part& part) {
      if (part.id) {
        ids.push_back(*part.id);
      } else {
        encode_raw({text.substr(part.begin, part.end - part.begin), part.begin == 0}, *scratch, ids);
      }
    });
    scratches_.put(std::move(scratch));
    if (add_special_tokens && parts_.post_processor != nullptr) parts_.post_processor->add_special_tokens(ids);
    return ids;
  }

  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const override {
    std::string text;
    const std::unique_ptr<TextStream> stream = start_stream({.skip_special_tokens = skip_special_tokens});
    for (const TokenId id : ids) stream->push(id, text);
    stream->finish(text);
    return text;
  }

  std::unique_ptr<TextStream> start_stream(TextStreamOptions options) const override {
    return std::make_unique<Stream>(*this, options);
  }

  std::string token_bytes(TokenId id) const override {
    const std::optional<std::string_view> token = token_text(id);
    return token ? parts_.decoder->token_bytes(std::string(*token)) : std::string();
  }

  std::optional<TokenId> token_to_id(std::string_view token) const override {
    if (const std::optional<TokenId> added = parts_.added_tokens.find(token)) return added;
    return parts_.model->token_to_id(token);
  }

  bool is_special(TokenId id) const override {
    const AddedToken* token = parts_.added_tokens.find(id);
    return token != nullptr && token->special;
  }

  int64_t vocab_size() const override { return std::max(parts_.model->vocab_size(), parts_.added_tokens.max_id() + 1); }

 private:
  class Stream final : public TextStream {
   public:
    Stream(const Pipeline& pipeline, TextStreamOptions options)
        : pipeline_(pipeline),
          skip_special_tokens_(options.skip_special_tokens),
          state_(pipeline.parts_.decoder->start(options.continues_text)) {}

    void push(TokenId id, std::string& out) override {
      if (skip_special_tokens_ && pipeline_.is_special(id)) return;
      const std::optional<std::string_view> token = pipeline_.token_text(id);
      if (!token) return;
      state_->push({*token, true}, [&out](const Chunk& chunk) { out += chunk.text; });
    }
    void finish(std::string& out) override {
      state_->finish([&out](const Chunk& chunk) { out += chunk.text; });
    }

   private:
    const Pipeline& pipeline_;
    const bool skip_special_tokens_;
    std::unique_ptr<DecoderState> state_;
  };

  // Encodes the text between tokens that are found in raw text.
  void encode_raw(const Piece& raw, Scratch& scratch, std::vector<TokenId>& ids) const {
    std::string normal;
    std::string_view text = raw.text;
    if (parts_.normalizer != nullptr && parts_.normalizer->normalize(text, scratch.regex, normal)) text = normal;
    const auto model = [&](const Piece& word) { parts_.model->tokenize(word.text, scratch, ids); };
    parts_.added_tokens.split(text, true, [&](const AddedTokens::Part& part) {
      const Piece piece{text.substr(part.begin, part.end - part.begin), raw.is_first && part.begin == 0};
      if (part.id) {
        ids.push_back(*part.id);
      } else if (parts_.pre_tokenizer == nullptr) {
        model(piece);
      } else {
        parts_.pre_tokenizer->split(piece, scratch, model);
      }
    });
  }

  std::optional<std::string_view> token_text(TokenId id) const {
    if (const AddedToken* token = parts_.added_tokens.find(id)) return token->text;
    return parts_.model->id_to_token(id);
  }

  PipelineParts parts_;
  mutable ScratchPool scratches_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_pipeline(PipelineParts parts) {
  return std::make_unique<Pipeline>(std::move(parts));
}

}  // namespace braid
