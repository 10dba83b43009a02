#include "braid/tokenizer/model/bpe_model.h"

#include <algorithm>
#include <limits>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

// Up to this many symbols, a scan of all pairs for the next merge is faster than a heap.
constexpr size_t kMaxScannedSymbols = 40;
constexpr uint32_t kNoMerge = std::numeric_limits<uint32_t>::max();
// SentencePiece's mark for a space; words start with it.
constexpr std::string_view kWordStart = "\u2581";
// What one thread keeps between words. The memory of a huge word is released.
constexpr size_t kMaxKeptSymbols = 1 << 16;

uint32_t rank_of(const MergeTable& merges, TokenId left, TokenId right) {
  const Merge* merge = merges.find(left, right);
  return merge == nullptr ? kNoMerge : merge->rank;
}

// Merges `ids` in place: lowest rank first, leftmost among equal ranks.
void merge_short(const MergeTable& merges, std::vector<uint32_t>& ranks, std::vector<TokenId>& ids) {
  if (ids.size() < 2) return;
  ranks.clear();
  for (size_t i = 0; i + 1 < ids.size(); ++i) ranks.push_back(rank_of(merges, ids[i], ids[i + 1]));
  while (true) {
    const auto best = std::min_element(ranks.begin(), ranks.end());
    if (best == ranks.end() || *best == kNoMerge) return;
    const auto i = best - ranks.begin();
    ids[i] = merges.find(ids[i], ids[i + 1])->merged;
    ids.erase(ids.begin() + i + 1);
    ranks.erase(best);
    if (i > 0) ranks[i - 1] = rank_of(merges, ids[i - 1], ids[i]);
    if (static_cast<size_t>(i) < ranks.size()) ranks[i] = rank_of(merges, ids[i], ids[i + 1]);
  }
}

// The same in O(n log n): a heap of candidate merges over a linked list of symbols.
class LongWord {
 public:
  LongWord(const MergeTable& merges, BpeScratch& scratch)
      : merges_(merges), symbols_(scratch.symbols), heap_(scratch.heap) {}

  void merge(std::vector<TokenId>& ids) {
    symbols_.clear();
    heap_.clear();
    for (size_t i = 0; i < ids.size(); ++i) {
      symbols_.push_back({ids[i], static_cast<int32_t>(i) - 1, i + 1 < ids.size() ? static_cast<int32_t>(i) + 1 : -1});
    }
    for (size_t i = 0; i < ids.size(); ++i) consider(static_cast<int32_t>(i), false);
    std::make_heap(heap_.begin(), heap_.end(), later);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const BpeScratch::Candidate candidate = heap_.back();
      heap_.pop_back();
      apply(candidate);
    }
    ids.clear();
    for (int32_t i = 0; i >= 0; i = symbols_[i].next) ids.push_back(symbols_[i].id);
  }

 private:
  static constexpr TokenId kGone = -1;

  static bool later(const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  }

  void consider(int32_t position, bool keep_heap) {
    const int32_t next = symbols_[position].next;
    if (next < 0) return;
    const Merge* merge = merges_.find(symbols_[position].id, symbols_[next].id);
    if (merge == nullptr) return;
    heap_.push_back({merge->rank, static_cast<uint32_t>(position), merge->merged});
    if (keep_heap) std::push_heap(heap_.begin(), heap_.end(), later);
  }

  // Does nothing if the candidate's pair no longer exists.
  void apply(const BpeScratch::Candidate& candidate) {
    const auto position = static_cast<int32_t>(candidate.position);
    BpeScratch::Symbol& symbol = symbols_[position];
    if (symbol.id == kGone || symbol.next < 0) return;
    BpeScratch::Symbol& next = symbols_[symbol.next];
    const Merge* merge = merges_.find(symbol.id, next.id);
    if (merge == nullptr || merge->merged != candidate.merged || merge->rank != candidate.rank) return;
    symbol.id = candidate.merged;
    symbol.next = next.next;
    next.id = kGone;
    if (symbol.next >= 0) symbols_[symbol.next].previous = position;
    if (symbol.previous >= 0) consider(symbol.previous, true);
    consider(position, true);
  }

  const MergeTable& merges_;
  std::vector<BpeScratch::Symbol>& symbols_;
  std::vector<BpeScratch::Candidate>& heap_;
};

void give_back_memory(BpeScratch& scratch) {
  if (scratch.ids.capacity() > kMaxKeptSymbols) scratch.ids = {};
  if (scratch.symbols.capacity() > kMaxKeptSymbols) scratch.symbols = {};
  if (scratch.heap.capacity() > kMaxKeptSymbols) scratch.heap = {};
}

}  // namespace

BpeModel::BpeModel(Vocabulary vocabulary, MergeTable merges, BpeOptions options)
    : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), options_(std::move(options)) {
  for (size_t c = 0; c < kNumDirectCharacters; ++c) {
    std::string character;
    unicode::append_code_point(static_cast<char32_t>(c), character);
    direct_ids_[c] = vocabulary_.find(character).value_or(-1);
  }
  for (int byte = 0; byte < 256; ++byte)
    byte_ids_[byte] = vocabulary_.find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
}

Result<std::unique_ptr<BpeModel>> BpeModel::make(Vocabulary vocabulary, const std::vector<TextMerge>& merges,
                                                 BpeOptions options) {
  MergeTable table(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    std::string_view rest = right;
    if (rest.starts_with(options.continuing_subword_prefix))
      rest.remove_prefix(options.continuing_subword_prefix.size());
    const std::string both = left + std::string(rest);
    const std::optional<TokenId> left_id = vocabulary.find(left);
    const std::optional<TokenId> right_id = vocabulary.find(right);
    const std::optional<TokenId> merged_id = vocabulary.find(both);
    if (!left_id || !right_id || !merged_id) {
      return fail("merge {} (\"{}\" and \"{}\") names \"{}\", which is not in the vocabulary", rank,
                  left.substr(0, 100), right.substr(0, 100),
                  (!left_id    ? left
                   : !right_id ? right
                               : both)
                      .substr(0, 100));
    }
    table.insert(*left_id, *right_id, {static_cast<uint32_t>(rank), *merged_id});
  }
  return make(std::move(vocabulary), std::move(table), std::move(options));
}

Result<std::unique_ptr<BpeModel>> BpeModel::make(Vocabulary vocabulary, MergeTable table, BpeOptions options) {
  std::unique_ptr<BpeModel> model(new BpeModel(std::move(vocabulary), std::move(table), std::move(options)));
  if (model->options_.unknown_token) {
    const std::optional<TokenId> unknown = model->vocabulary_.find(*model->options_.unknown_token);
    if (!unknown) return fail("the unk_token \"{}\" is not in the vocabulary", *model->options_.unknown_token);
    model->unknown_id_ = *unknown;
  }
  model->words_are_apart_ = model->words_are_apart();
  return model;
}

bool BpeModel::words_are_apart() const {
  if (!vocabulary_.find(kWordStart) || options_.ignore_merges) return false;
  if (!options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty()) return false;
  if (options_.unknown_token && options_.unknown_token->find(kWordStart) != std::string::npos) return false;
  // A dropped character would make its neighbours adjacent.
  const bool has_bytes = std::ranges::none_of(byte_ids_, [](TokenId id) { return id < 0; });
  if (unknown_id_ < 0 && !(options_.byte_fallback && has_bytes)) return false;
  bool are_apart = true;
  merges_.for_each([&](TokenId left, TokenId right) {
    if (vocabulary_.token(right)->starts_with(kWordStart) && !vocabulary_.token(left)->ends_with(kWordStart)) {
      are_apart = false;
    }
  });
  return are_apart;
}

std::optional<TokenId> BpeModel::character_id(std::string_view character) const {
  if (character.size() <= 2) {
    const char32_t c = unicode::decode_valid(character.data());
    if (c < kNumDirectCharacters) return direct_ids_[c] < 0 ? std::nullopt : std::optional(direct_ids_[c]);
  }
  return vocabulary_.find(character);
}

bool BpeModel::append_bytes(std::string_view character, std::vector<TokenId>& ids) const {
  for (const char c : character) {
    if (byte_ids_[static_cast<uint8_t>(c)] < 0) return false;
  }
  for (const char c : character) ids.push_back(byte_ids_[static_cast<uint8_t>(c)]);
  return true;
}

void BpeModel::to_characters(std::string_view word, std::vector<TokenId>& ids) const {
  const bool has_affixes = !options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty();
  // An unknown character waits for the next known one, so that a following unknown can join it. Byte tokens overtake
  // it, as in the reference.
  bool unknown_waits = false;
  std::string affixed;
  for (size_t i = 0; i < word.size();) {
    const size_t length = unicode::sequence_length(word[i]);
    std::string_view character = word.substr(i, length);
    std::optional<TokenId> id;
    if (has_affixes) {
      affixed = i > 0 ? options_.continuing_subword_prefix : "";
      affixed += character;
      if (i + length == word.size()) affixed += options_.end_of_word_suffix;
      character = affixed;
      id = vocabulary_.find(character);
    } else {
      id = character_id(character);
    }
    i += length;
    if (id) {
      if (unknown_waits) ids.push_back(unknown_id_);
      unknown_waits = false;
      ids.push_back(*id);
    } else if (options_.byte_fallback && append_bytes(character, ids)) {
      continue;
    } else if (unknown_id_ >= 0) {
      if (unknown_waits && !options_.fuse_unknown) ids.push_back(unknown_id_);
      unknown_waits = true;
    }
  }
  if (unknown_waits) ids.push_back(unknown_id_);
}

void BpeModel::tokenize(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const {
  // A whole document may be one piece. Its words are short, and most are cached.
  while (words_are_apart_) {
    size_t end = piece.find_first_not_of(kWordStart);  // skip the mark's bytes: the next border comes after them
    end = end == std::string_view::npos ? end : piece.find(kWordStart, end);
    if (end == std::string_view::npos) break;
    tokenize_word(piece.substr(0, end), *scratch.bpe, out);
    piece.remove_prefix(end);
  }
  tokenize_word(piece, *scratch.bpe, out);
}

void BpeModel::tokenize_word(std::string_view piece, BpeScratch& own, std::vector<TokenId>& out) const {
  if (piece.empty()) return;
  if (const std::span<const TokenId> known = own.cache.find(piece); !known.empty()) {
    out.insert(out.end(), known.begin(), known.end());
    return;
  }
  std::vector<TokenId>& ids = own.ids;
  ids.clear();
  const std::optional<TokenId> whole = options_.ignore_merges ? vocabulary_.find(piece) : std::nullopt;
  if (whole) {
    ids.push_back(*whole);
  } else {
    to_characters(piece, ids);
    if (ids.size() <= kMaxScannedSymbols) {
      merge_short(merges_, own.ranks, ids);
    } else {
      LongWord(merges_, own).merge(ids);
    }
  }
  own.cache.insert(piece, ids);
  out.insert(out.end(), ids.begin(), ids.end());
  give_back_memory(own);
}

}  // namespace braid
