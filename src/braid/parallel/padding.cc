#include "braid/parallel/padding.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "braid/base/check.h"
#include "braid/base/index_range.h"

namespace braid {
namespace {

int64_t round_up_part(int64_t total, int64_t parts) {
  return (total + parts - 1) / parts;
}

constexpr std::array kFixedModes{DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact};

}  // namespace

std::string_view padding_mode_name(DpPaddingMode mode) {
  switch (mode) {
    case DpPaddingMode::kMaxLen:
      return "max_len";
    case DpPaddingMode::kSumLen:
      return "sum_len";
    case DpPaddingMode::kExact:
      return "exact";
  }
  return "unknown";
}

std::string_view dp_padding_name(const DpPadding& padding) {
  switch (padding.rule) {
    case DpPadding::Rule::kCheapest:
      return "auto";
    case DpPadding::Rule::kPublished:
      return "published";
    case DpPadding::Rule::kFixed:
      break;
  }
  return padding_mode_name(padding.mode);
}

Result<DpPadding> parse_dp_padding(std::string_view text) {
  if (text == "auto") return DpPadding();
  if (text == "published") return DpPadding{.rule = DpPadding::Rule::kPublished};
  for (const DpPaddingMode mode : kFixedModes) {
    if (text == padding_mode_name(mode)) return DpPadding::fixed(mode);
  }
  return fail("--dp-padding {}: allowed are auto, published, max_len, sum_len and exact", text);
}

DpPaddingMode published_padding_mode(std::span<const int32_t> group_tokens) {
  const int64_t sum_len = std::accumulate(group_tokens.begin(), group_tokens.end(), int64_t{0});
  const int64_t max_len = group_tokens.empty() ? 0 : *std::max_element(group_tokens.begin(), group_tokens.end());
  const auto dp_size = static_cast<int64_t>(group_tokens.size());
  return 2 * sum_len > max_len * dp_size ? DpPaddingMode::kMaxLen : DpPaddingMode::kSumLen;
}

void set_row_layout(RowLayout& layout, DpPaddingMode mode, std::span<const int32_t> group_tokens,
                    int32_t attn_tp_size) {
  layout.shards.clear();
  layout.groups.clear();
  const int64_t max_len = group_tokens.empty() ? 0 : *std::max_element(group_tokens.begin(), group_tokens.end());
  const int64_t padded_slot = round_up_part(max_len, attn_tp_size);
  int64_t first = 0;
  for (const int32_t tokens : group_tokens) {
    layout.groups.push_back({.first = first, .rows = tokens});
    for (int32_t rank = 0; rank < attn_tp_size; ++rank) {
      IndexRange own = split_evenly(tokens, rank, attn_tp_size);
      int64_t slot = own.end - own.begin;
      if (mode == DpPaddingMode::kMaxLen) {
        slot = padded_slot;
        own = {.begin = std::min<int64_t>(rank * slot, tokens), .end = std::min<int64_t>((rank + 1) * slot, tokens)};
      }
      layout.shards.push_back({.first = first, .rows = own.end - own.begin, .slot = slot, .in_group = own.begin});
      first += slot;
    }
  }
  layout.total_rows = first;
}

int64_t max_gathered_rows(int32_t num_groups, int64_t max_group_tokens, int32_t attn_tp_size) {
  return num_groups * attn_tp_size * round_up_part(max_group_tokens, attn_tp_size);
}

int64_t gather_bytes(const RowLayout& layout, DpPaddingMode mode, int32_t tp_rank, int64_t row_bytes) {
  const auto num_ranks = static_cast<int32_t>(layout.shards.size());
  const RowLayout::Shard& own = layout.shards[static_cast<size_t>(tp_rank)];
  const int64_t total = layout.total_rows * row_bytes;
  if (mode != DpPaddingMode::kSumLen) return total - own.slot * row_bytes;
  // The two halves of the all-reduce: first the others' parts of this rank's share of the words, then the others'
  // shares.
  const IndexRange own_words = split_evenly(total / 4, tp_rank, num_ranks);
  const int64_t own_bytes = 4 * (own_words.end - own_words.begin);
  return (num_ranks - 1) * own_bytes + total - own_bytes;
}

int64_t scatter_bytes(const RowLayout& layout, DpPaddingMode, int32_t tp_rank, int64_t row_bytes) {
  const RowLayout::Shard& own = layout.shards[static_cast<size_t>(tp_rank)];
  return (static_cast<int64_t>(layout.shards.size()) - 1) * own.slot * row_bytes;
}

}  // namespace braid
