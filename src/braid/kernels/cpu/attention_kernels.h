// What a tier's attention kernel computes, as plain data and a table of functions.
//
// The order of sums, which no batch, chunk, page size or split changes: keys in blocks of 64 positions. For one row
// (one query head of one token) a block gives m = the largest score, p = 2^(score - m) of its visible keys, l = the sum
// of p (lane by lane, then across lanes) and o = the sum of p·v in order of position. Blocks are joined one after
// another (Milakov & Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135), a sink's score last. Rows of a tile
// only share loads of K and V. A masked key's score is replaced before it is used, and a masked value is never
// multiplied; in AMX's tiles by zero, if at all, and only where it is finite.
#pragma once

#include <cstdint>

#include "braid/kernels/isa.h"
#include "braid/kernels/ops.h"

namespace braid::cpu {

// Rows of one sequence, with all that a kernel needs to know of them: either consecutive rows that read one KV head,
// row r being number first_index + r of the sequence's (new token, query head) pairs, the heads of a token side by
// side; or, of a sequence with one new token, all rows of some consecutive KV heads.
struct QueryTile {
  static constexpr int32_t kMaxRows = 32;

  const std::byte* keys;  // the first KV head's part of page 0
  const std::byte* values;
  const PageId* pages;
  int64_t page_bytes;  // from one page to the next
  int64_t head_bytes;  // from one KV head to the next in a page
  int32_t page_size;
  int32_t head_dim;

  int64_t first_index;
  int32_t num_kv_heads;    // more than one only where the rows are all of one token
  int32_t num_rows;        // <= kMaxRows
  int32_t heads_per_kv;    // query heads that share a KV head
  int64_t first_position;  // of the sequence's first new token
  int64_t window;          // 0: none
  float scale;
  float soft_cap;      // 0: none
  const float* sinks;  // of the first KV head's first query head; null: none

  const float* q;    // the sequence's first new token, the first KV head's first query head
  int64_t q_stride;  // from one token to the next
  std::byte* out;    // likewise
  int64_t out_stride;
  DType out_dtype;

  // Always inlined: a copy of its own might carry the instructions of a higher tier.
  [[gnu::always_inline]] int32_t heads() const { return num_kv_heads * heads_per_kv; }  // query heads of a token
  [[gnu::always_inline]] bool is_one_token() const { return position(0) == position(num_rows - 1); }
  [[gnu::always_inline]] int64_t position(int64_t row) const { return first_position + (first_index + row) / heads(); }
  [[gnu::always_inline]] int64_t first_key(int64_t row) const {
    const int64_t last = position(row);
    return window > 0 && last >= window ? last - window + 1 : 0;
  }
  [[gnu::always_inline]] int64_t first_kv_tile() const { return first_key(0) / Ops::kKvTileTokens; }
  [[gnu::always_inline]] int64_t end_kv_tile() const { return position(num_rows - 1) / Ops::kKvTileTokens + 1; }
};

// A block of a tile. As what comes behind another: it is fetched while that one is computed. No tile: none.
struct KvTilePlace {
  const QueryTile* tile = nullptr;
  int64_t kv_tile = 0;
};

struct AttentionKernels {
  // Bytes of a thread's scratch for tiles of this head_dim.
  int64_t (*scratch_bytes)(int64_t head_dim);
  // Floats that blocks() writes and join() reads for one block of this tile.
  int64_t (*partial_floats)(const QueryTile& tile);

  // The whole of a tile: every block, joined, written to out.
  void (*run)(const QueryTile& tile, const KvTilePlace& after, std::byte* scratch);
  // Blocks [first, end), each on its own, to `partials`, one after another.
  void (*kv_tiles)(const QueryTile& tile, int64_t first, int64_t end, const KvTilePlace& after, float* partials,
                   std::byte* scratch);
  // Joins all blocks of the tile and writes out: the same bits as run().
  void (*join)(const QueryTile& tile, const float* partials, std::byte* scratch);
};

// An instruction-set tier's, by the cache's dtype.
struct AttentionTier {
  AttentionKernels bfloat16;
  AttentionKernels float32;
  const AttentionKernels* bfloat16_amx = nullptr;  // in place of bfloat16 where head_dim is a multiple of 32
};
AttentionTier attention_tier(CpuIsa isa);

// One for each translation unit of tier flags.
const AttentionTier& attention_portable();
const AttentionTier& attention_avx2();
const AttentionTier& attention_avx512();
const AttentionTier& attention_avx512bf16();
const AttentionKernels& attention_amx();
const AttentionKernels& attention_amx_emulated();  // over tiles in memory: its indexing and bits, on any processor

}  // namespace braid::cpu
