// What a tier's attention kernel computes, as plain data and a table of functions. Tested by
// kernels/paged_attention_test.cc.
//
// The order of sums is the same for every batch, chunk, page size and split. Keys are taken in KV tiles of 64
// positions. For one row (one query head of one token) a KV tile yields m = the largest score, p = 2^(score - m) of its
// visible keys, l = the sum of p (lane by lane, then across lanes) and o = the sum of p·v in order of position. KV
// tiles are joined one after another (Milakov & Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135), and a
// sink's score last. A code's value is exact: a token's scale is multiplied with its score, or with its probability
// before that meets the token's values. Rows of a query tile only share loads of K and V. A masked key's score is
// replaced before it is used. A masked value is never multiplied, except by zero in AMX's tile registers, and there
// only if it is finite.
#pragma once

#include <cstdint>

#include "braid/kernels/isa.h"
#include "braid/kernels/ops.h"

namespace braid::cpu {

// Rows of one sequence, and everything that a kernel needs to know about them. Either consecutive rows that read one KV
// head: row r is number first_index + r of the sequence's (new token, query head) pairs, a token's heads side by side.
// Or, for a sequence with one new token, all rows of some consecutive KV heads.
struct QueryTile {
  static constexpr int32_t kMaxRows = 32;

  const std::byte* keys;  // the first element of the first KV head's part of page 0
  const std::byte* values;
  const PageId* pages;
  int64_t page_bytes;   // from one page to the next
  int64_t head_bytes;   // from one KV head to the next in a page
  int64_t strip_bytes;  // from one strip to the next
  int32_t page_size;
  int32_t head_dim;

  int64_t first_index;
  int32_t num_kv_heads;    // more than one only if all rows belong to one token
  int32_t num_rows;        // <= kMaxRows
  int32_t heads_per_kv;    // query heads that share a KV head
  int64_t first_position;  // of the sequence's first new token
  int64_t end_of_keys;     // every row sees all keys before it; 0: each those up to its own position
  int64_t window;          // 0: none
  float scale;
  float soft_cap;      // 0: none
  const float* sinks;  // of the first KV head's first query head; null: none

  const float* q;    // the sequence's first new token, the first KV head's first query head
  int64_t q_stride;  // from one token to the next
  std::byte* out;    // the same for the output
  int64_t out_stride;
  DType out_dtype;

  // Always inlined: an out-of-line copy might contain the instructions of a higher tier.
  [[gnu::always_inline]] int32_t heads() const { return num_kv_heads * heads_per_kv; }  // query heads of a token
  [[gnu::always_inline]] bool is_one_token() const { return position(0) == position(num_rows - 1); }
  [[gnu::always_inline]] int64_t position(int64_t row) const { return first_position + (first_index + row) / heads(); }
  [[gnu::always_inline]] int64_t first_key(int64_t row) const {
    const int64_t last = position(row);
    return window > 0 && last >= window ? last - window + 1 : 0;
  }
  [[gnu::always_inline]] int64_t end_key(int64_t row) const {
    return end_of_keys > 0 ? end_of_keys : position(row) + 1;
  }
  [[gnu::always_inline]] int64_t first_kv_tile() const { return first_key(0) / Ops::kKvTileTokens; }
  [[gnu::always_inline]] int64_t end_kv_tile() const { return (end_key(num_rows - 1) - 1) / Ops::kKvTileTokens + 1; }
};

// One KV tile of a query tile. As the place behind another, it is fetched while that one is computed. No tile: none.
struct KvTilePlace {
  const QueryTile* tile = nullptr;
  int64_t kv_tile = 0;
};

struct AttentionKernels {
  // Bytes of a thread's scratch for query tiles of this head_dim.
  int64_t (*scratch_bytes)(int64_t head_dim);
  // Floats that kv_tiles() writes and join() reads for one KV tile of this query tile.
  int64_t (*partial_floats)(const QueryTile& tile);

  // A whole query tile: every KV tile, joined, and written to out.
  void (*run)(const QueryTile& tile, const KvTilePlace& after, std::byte* scratch);
  // KV tiles [first, end), each by itself, written to `partials` one after another.
  void (*kv_tiles)(const QueryTile& tile, int64_t first, int64_t end, const KvTilePlace& after, float* partials,
                   std::byte* scratch);
  // Joins all KV tiles of the query tile and writes out, with the same bits as run().
  void (*join)(const QueryTile& tile, const float* partials, std::byte* scratch);
};

// The kernels of an instruction-set tier, by the cache's dtype or codes.
struct AttentionTier {
  AttentionKernels bfloat16;
  AttentionKernels float32;
  AttentionKernels int8;
  AttentionKernels e4m3;
  const AttentionKernels* bfloat16_amx = nullptr;  // replaces bfloat16 if head_dim is a multiple of 32
};
AttentionTier attention_tier(CpuIsa isa);

// What replaces a tier's kernels for codes on a processor with more instructions: the same bits.
struct AttentionCodeKernels {
  AttentionKernels int8;
  AttentionKernels e4m3;
};

// One for each translation unit with a tier's compiler flags.
const AttentionTier& attention_portable();
const AttentionTier& attention_avx2();
const AttentionTier& attention_avx512();
// The same bits for caches of any size: what is fetched where differs.
const AttentionTier& attention_avx512bf16(bool has_small_l1);
const AttentionCodeKernels& attention_avx512vbmi(bool has_small_l1);  // of the tier avx512_bf16
const AttentionKernels& attention_amx();
const AttentionKernels&
attention_amx_emulated();  // over tile registers in memory: the same indexing and bits, on any processor

}  // namespace braid::cpu
