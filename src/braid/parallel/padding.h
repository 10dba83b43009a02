// How the groups' rows lie in the buffer that the feed-forward layers see, and what each way to gather them moves. Pure
// functions of the exchanged headers, so every rank gets the same answer. Which way costs least: exchange_costs.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

enum class DpPaddingMode : uint8_t {
  kMaxLen,  // every group padded to the longest: an all-gather of equal parts
  kSumLen,  // a buffer of the summed length, zero except for the rank's own rows: an all-reduce of integers
  kExact,   // no padding: an all-gather of unequal parts
};
constexpr size_t kNumPaddingModes = 3;

std::string_view padding_mode_name(DpPaddingMode mode);  // "max_len", "sum_len", "exact"

// --dp-padding: how a step's mode is chosen.
struct DpPadding {
  enum class Rule : uint8_t {
    kCheapest,   // by measured costs
    kPublished,  // published_padding_mode()
    kFixed,      // always `mode`
  };
  Rule rule = Rule::kCheapest;
  DpPaddingMode mode = DpPaddingMode::kExact;  // of kFixed alone

  static DpPadding fixed(DpPaddingMode mode) { return {.rule = Rule::kFixed, .mode = mode}; }
  bool operator==(const DpPadding&) const = default;
};

std::string_view dp_padding_name(const DpPadding& padding);  // "auto", "published" or the mode's name
Result<DpPadding> parse_dp_padding(std::string_view text);   // one of these names

// SGLang's rule: all-gather if padding wastes less than the all-reduce's second half costs; if equal, SUM_LEN.
DpPaddingMode published_padding_mode(std::span<const int32_t> group_tokens);

// Where each rank's rows lie. A group's rows are its ranks' shards one after the other; groups lie one after the other.
struct RowLayout {
  struct Shard {
    int64_t first = 0;     // row in the buffer
    int64_t rows = 0;      // of tokens
    int64_t slot = 0;      // rows including the padding behind them, which is zero
    int64_t in_group = 0;  // its first row among the group's rows
  };
  struct Group {
    int64_t first = 0;
    int64_t rows = 0;
  };
  int64_t total_rows = 0;     // of the buffer, padding included
  std::vector<Shard> shards;  // one for each rank of the world
  std::vector<Group> groups;
};

// EXACT and SUM_LEN: each group's rows are split over its ranks as evenly as possible. MAX_LEN: the longest group's
// rows are split, rounded up, and every group has the same slots. `layout` keeps its memory from step to step.
void set_row_layout(RowLayout& layout, DpPaddingMode mode, std::span<const int32_t> group_tokens, int32_t attn_tp_size);

// The rows of a buffer that can hold every layout with at most max_group_tokens in each group.
int64_t max_gathered_rows(int32_t num_groups, int64_t max_group_tokens, int32_t attn_tp_size);

// Bytes that a rank receives from others in one gather and in one scatter if ranks share no memory. In rows, with n
// ranks: MAX_LEN receives (n - 1) x slot in each. In the gather, SUM_LEN receives 2 (n - 1) / n x sum (rounded to
// words) and EXACT receives sum - own. In the scatter both receive (n - 1) x own, since sums go straight to the owner.
int64_t gather_bytes(const RowLayout& layout, DpPaddingMode mode, int32_t tp_rank, int64_t row_bytes);
int64_t scatter_bytes(const RowLayout& layout, DpPaddingMode mode, int32_t tp_rank, int64_t row_bytes);

}  // namespace braid
