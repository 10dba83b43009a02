// One KV tile under some rows, multiplied in AMX's tile registers, for a bfloat16 cache whose head_dim is a multiple of
// 32. The cache's layout fits the registers: in a strip of 16 tokens, a word holds two dimensions of a key, or two
// tokens of one dimension of the values.
//
// The registers set the order of sums. A score takes 32 dimensions at a time, in order: TDPBF16PS sums the even ones
// and the odd ones as two chains of fused multiply-adds from zero, and adds (even + odd). A value's sum takes the 16
// tokens of a strip at a time in the same way. Rows of one token and rows of many tokens use the same instructions, so
// they have the same bits.
//
// Tiles: as for AmxKernel (matmul_amx_kernel.h). Included by one source file for each kind of tile registers;
// everything has internal linkage.
#pragma once

#include <cstdint>

#include "braid/kernels/cpu/amx_tile_shapes.h"
#include "braid/kernels/cpu/attention_inl.h"

namespace braid::cpu {
namespace {

template <typename Tiles, typename Tier, typename Format>
class AmxAttention : public AttentionToken<Tier, Format> {
 public:
  using Base = AttentionToken<Tier, Format>;
  using Strips = typename Base::Strips;
  using Reading = typename Base::Reading;
  using RowRange = typename Base::RowRange;
  using Scratch = typename Base::Scratch;
  using Weight = typename Base::Weight;
  using Fetch = typename Base::Fetch;

  // In addition to what all kernels need: the values of a KV tile's strips, with zeros for those that are masked.
  static int64_t scratch_bytes(int64_t head_dim) {
    return Base::scratch_bytes(head_dim) + kStrips * strip_bytes(head_dim);
  }
  // Rows that attend() may write: whole register tiles of rows if there are more than one.
  static int64_t rows_of_out(const QueryTile& tile) { return tile.num_rows <= kTileRows ? tile.num_rows : kMaxRows; }

  AmxAttention(const QueryTile& tile, std::byte* memory)
      : tile_(tile),
        rows_of_head_(tile.num_rows / tile.num_kv_heads),
        masked_values_(memory + Base::scratch_bytes(tile.head_dim)) {
    TileShapes shapes;
    for (TileShape& shape : shapes.of) shape.rows = smaller(rows_of_head_, kTileRows);
    shapes.of[5].rows = kStripTokens;
    shapes.of[6].row_bytes = kStripTokens * int64_t{sizeof(Weight)};
    shapes.of[7].rows = kStripTokens / kPair;
    tiles_.configure(shapes);
  }
  ~AmxAttention() { tiles_.release(); }
  AmxAttention(const AmxAttention&) = delete;
  AmxAttention& operator=(const AmxAttention&) = delete;

  // (max, sum, out) of one KV tile for `rows`, the rows that see any of its keys.
  void attend(const Scratch& scratch, int64_t kv_tile, RowRange rows, const KvTilePlace& behind, float* max, float* sum,
              float* out) {
    if (tile_.is_one_token()) {
      attend_token(scratch, kv_tile, behind, max, sum, out);
    } else if (rows.begin < rows.end) {
      attend_rows(scratch, kv_tile, rows, behind, max, sum, out);
    }
  }

 private:
  // Two dimensions of a key, or two tokens of a value's dimension; and a vector of these words.
  typedef uint32_t Word __attribute__((may_alias));
  typedef uint32_t Words __attribute__((vector_size(64), may_alias));

  static constexpr int kTileRows = 16;
  static constexpr int kTileDims = 16;  // of the values
  static constexpr int kPair = 2;
  static constexpr int kDims = 32;  // dimensions in 1 KB of a strip
  static constexpr int64_t kTileBytes = 1024;
  static constexpr int64_t kScoresStride = kKvTileTokens * int64_t{sizeof(float)};
  static constexpr int64_t kProbabilitiesStride = kKvTileTokens * int64_t{sizeof(Weight)};

  static int64_t strip_bytes(int64_t head_dim) { return kStripTokens * head_dim * int64_t{sizeof(Weight)}; }

  // Calls run with the number of row tiles as a constant.
  template <typename Run>
  static void with_row_tiles(int rows, const Run& run) {
    if (rows > kTileRows) {
      run.template operator()<2>();
    } else {
      run.template operator()<1>();
    }
  }

  // Fetches 1 KB of what is read next.
  template <Fetch kFetch>
  static void fetch_tile(const std::byte* from) {
    for (int64_t line = 0; line < kTileBytes; line += 64) Base::template fetch<kFetch>(from + line);
  }

  // scores[r][key] = q[r] · k[key] for kNum strips of keys starting at `strip`. Registers: 0…3 sums (row tile, strip),
  // 4 rows, 5 keys.
  template <Fetch kFetch, int kRowTiles, int kNum>
  void score(const Weight* query, const Strips& keys, int strip, float* scores) {
    const int64_t width = tile_.head_dim;
    const int64_t query_stride = width * int64_t{sizeof(Weight)};
    const Weight* lower = query + kTileRows * width;
    tiles_.template zero<0>();
    if constexpr (kNum == 2) tiles_.template zero<1>();
    if constexpr (kRowTiles == 2) tiles_.template zero<2>();
    if constexpr (kRowTiles == 2 && kNum == 2) tiles_.template zero<3>();
    for (int64_t dim = 0; dim < width; dim += kDims) {
      const int64_t at = dim / kDims * kTileBytes;
      tiles_.template load<5>(keys.of[strip] + at, 64);
      tiles_.template load<4>(query + dim, query_stride);
      tiles_.template multiply_add<0, 4, 5>();
      fetch_tile<kFetch>(keys.next[strip] + at);
      if constexpr (kRowTiles == 2) {
        tiles_.template load<4>(lower + dim, query_stride);
        tiles_.template multiply_add<2, 4, 5>();
      }
      if constexpr (kNum == 2) {
        tiles_.template load<5>(keys.of[strip + 1] + at, 64);
        if constexpr (kRowTiles == 2) {
          tiles_.template multiply_add<3, 4, 5>();
          tiles_.template load<4>(query + dim, query_stride);
        }
        tiles_.template multiply_add<1, 4, 5>();
        fetch_tile<kFetch>(keys.next[strip + 1] + at);
      }
    }
    float* to = scores + strip * kStripTokens;
    tiles_.template store<0>(to, kScoresStride);
    if constexpr (kNum == 2) tiles_.template store<1>(to + kStripTokens, kScoresStride);
    if constexpr (kRowTiles == 2) tiles_.template store<2>(to + kTileRows * kKvTileTokens, kScoresStride);
    if constexpr (kRowTiles == 2 && kNum == 2) {
      tiles_.template store<3>(to + kTileRows * kKvTileTokens + kStripTokens, kScoresStride);
    }
  }

  // out[r][dim] (+)= the sum over the tokens of strips [begin, end) of p[r][token] · v[token][dim]. Registers: 0…3 sums
  // (row tile, 16 dimensions), 6 probabilities, 7 values.
  template <Fetch kFetch, int kRowTiles>
  void weigh(const Weight* probabilities, const Strips& values, int begin, int end, bool is_start, float* out) {
    const int64_t width = tile_.head_dim;
    const int64_t out_stride = width * int64_t{sizeof(float)};
    const int64_t value_stride = width * kWordBytes;
    for (int64_t dim = 0; dim < width; dim += kDims) {
      float* upper = out + dim;
      float* lower = upper + kTileRows * width;
      if (is_start) {
        tiles_.template zero<0>();
        tiles_.template zero<1>();
        if constexpr (kRowTiles == 2) {
          tiles_.template zero<2>();
          tiles_.template zero<3>();
        }
      } else {
        tiles_.template load<0>(upper, out_stride);
        tiles_.template load<1>(upper + kTileDims, out_stride);
        if constexpr (kRowTiles == 2) {
          tiles_.template load<2>(lower, out_stride);
          tiles_.template load<3>(lower + kTileDims, out_stride);
        }
      }
      for (int strip = begin; strip < end; ++strip) {
        const std::byte* from = values.of[strip] + dim * kWordBytes;
        const Weight* weights = probabilities + strip * kStripTokens;
        tiles_.template load<7>(from, value_stride);
        tiles_.template load<6>(weights, kProbabilitiesStride);
        tiles_.template multiply_add<0, 6, 7>();
        fetch_tile<kFetch>(values.next[strip] + dim / kDims * kTileBytes);
        if constexpr (kRowTiles == 2) {
          tiles_.template load<6>(weights + kTileRows * kKvTileTokens, kProbabilitiesStride);
          tiles_.template multiply_add<2, 6, 7>();
        }
        tiles_.template load<7>(from + kTileDims * kWordBytes, value_stride);
        if constexpr (kRowTiles == 2) {
          tiles_.template multiply_add<3, 6, 7>();
          tiles_.template load<6>(weights, kProbabilitiesStride);
        }
        tiles_.template multiply_add<1, 6, 7>();
      }
      tiles_.template store<0>(upper, out_stride);
      tiles_.template store<1>(upper + kTileDims, out_stride);
      if constexpr (kRowTiles == 2) {
        tiles_.template store<2>(lower, out_stride);
        tiles_.template store<3>(lower + kTileDims, out_stride);
      }
    }
  }

  // For each token pair of a strip, a mask of the tokens in `seen` (positions within the KV tile) for a word of values.
  struct PairMasks {
    Word of[kStripTokens / kPair];
  };
  static PairMasks pair_masks(int strip, Visible seen) {
    PairMasks masks;
    for (int pair = 0; pair < kStripTokens / kPair; ++pair) {
      const int first = strip * kStripTokens + pair * kPair;
      masks.of[pair] = (seen.begin <= first && first < seen.end ? 0x0000ffffU : 0U) |
                       (seen.begin <= first + 1 && first + 1 < seen.end ? 0xffff0000U : 0U);
    }
    return masks;
  }

  // Copies a strip's values with zeros where `seen` leaves a token out. Returns whether all copied values are finite.
  bool copy_masked(const std::byte* from, int strip, Visible seen, std::byte* to) const {
    const PairMasks masks = pair_masks(strip, seen);
    Words found = {};
    for (int pair = 0; pair < kStripTokens / kPair; ++pair) {
      for (int64_t dim = 0; dim < tile_.head_dim; dim += 16, from += sizeof(Words), to += sizeof(Words)) {
        Words words;
        __builtin_memcpy(&words, from, sizeof(words));
        words &= masks.of[pair];
        __builtin_memcpy(to, &words, sizeof(words));
        // Only an exponent of all ones carries into the bit above it.
        found |= (words & 0x7f80U) + 0x80U;
        found |= (words >> 16 & 0x7f80U) + 0x80U;
      }
    }
    Word any = 0;
    for (int lane = 0; lane < 16; ++lane) any |= found[lane];
    return (any & 0x8000U) == 0;
  }

  // What weigh() computes, for one row and one strip, without the values that the row does not see.
  void weigh_row(const Weight* probabilities, const std::byte* values, int strip, Visible seen, float* out) const {
    const PairMasks masks = pair_masks(strip, seen);
    const auto* in = reinterpret_cast<const Word*>(values);
    for (int64_t dim = 0; dim < tile_.head_dim; ++dim) {
      float even = 0;
      float odd = 0;
      for (int pair = 0; pair < kStripTokens / kPair; ++pair) {
        const Word word = in[pair * tile_.head_dim + dim] & masks.of[pair];
        const Weight* weights = probabilities + strip * kStripTokens + pair * kPair;
        even = __builtin_fmaf(as_float(Word{weights[0]} << 16), as_float(word << 16), even);
        odd = __builtin_fmaf(as_float(Word{weights[1]} << 16), as_float(word & 0xffff0000U), odd);
      }
      out[dim] += even + odd;
    }
  }
  static float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }

  // For the rows of one token under several KV heads, in the order of AttentionToken. All rows see the same keys.
  void attend_token(const Scratch& scratch, int64_t kv_tile, const KvTilePlace& behind, float* max, float* sum,
                    float* out) {
    const int64_t width = tile_.head_dim;
    const Visible keys = visible(scratch, 0, kv_tile);
    const Reading reading(tile_, kv_tile, behind);
    const int num_chunks = reading.own.count;
    with_row_tiles(rows_of_head_, [&]<int kRowTiles>() {
      for (int i = 0; i < num_chunks; ++i) {
        const auto& chunk = reading.own.of[i];
        const int row = chunk.head * rows_of_head_;
        score<Fetch::kToL1, kRowTiles, 1>(scratch.query + row * width, reading.strips(i, chunk.strip), chunk.strip,
                                          scratch.scores + row * kKvTileTokens);
      }
    });
    Base::exponentiate_rows(tile_, keys, {}, tile_.num_rows, scratch.scores, scratch.probabilities, max, sum);
    with_row_tiles(rows_of_head_, [&]<int kRowTiles>() {
      for (int i = 0; i < num_chunks; ++i) {
        const auto& chunk = reading.own.of[i];
        Strips strips = reading.strips(num_chunks + i, chunk.strip);
        if (!sees_all(keys, chunk.strip)) {
          copy_masked(strips.of[chunk.strip], chunk.strip, keys, masked_values_);
          strips.of[chunk.strip] = masked_values_;
        }
        const int row = chunk.head * rows_of_head_;
        const bool is_start = chunk.strip == keys.begin / kStripTokens;
        weigh<Fetch::kToL1, kRowTiles>(scratch.probabilities + row * kKvTileTokens, strips, chunk.strip,
                                       chunk.strip + 1, is_start, out + row * width);
      }
    });
  }

  static bool sees_all(Visible keys, int strip) {
    return keys.begin <= strip * kStripTokens && (strip + 1) * kStripTokens <= keys.end;
  }

  // What rows [begin, end) of the query tile see of a KV tile. Positions ascend, so both ends of the range do too.
  struct SeenByRows {
    RowRange rows;
    Visible any;
    Visible all;
    int first_strip;
    int end_strip;

    bool is_uniform() const { return any.begin == all.begin && any.end == all.end; }
  };
  Visible visible(const Scratch& scratch, int row, int64_t kv_tile) const {
    return Base::visible(tile_, scratch.position[row], kv_tile);
  }
  SeenByRows seen_by(const Scratch& scratch, RowRange rows, int64_t kv_tile) const {
    const Visible earliest = visible(scratch, rows.begin, kv_tile);
    const Visible latest = visible(scratch, rows.end - 1, kv_tile);
    return {.rows = rows,
            .any = {.begin = earliest.begin, .end = latest.end},
            .all = {.begin = latest.begin, .end = earliest.end},
            .first_strip = earliest.begin / kStripTokens,
            .end_strip = (latest.end + kStripTokens - 1) / kStripTokens};
  }

  // For rows of several tokens under one KV head, in whole register tiles of rows.
  void attend_rows(const Scratch& scratch, int64_t kv_tile, RowRange rows, const KvTilePlace& behind, float* max,
                   float* sum, float* out) {
    const auto strips = Base::find_strips(tile_, kv_tile, behind);
    const SeenByRows seen = seen_by(scratch, rows, kv_tile);
    const int first_row = rows.begin / kTileRows * kTileRows;
    with_row_tiles(rows.end - first_row, [&]<int kRowTiles>() {
      const Weight* query = scratch.query + first_row * int64_t{tile_.head_dim};
      float* scores = scratch.scores + first_row * kKvTileTokens;
      int strip = seen.first_strip;
      for (; strip + 2 <= seen.end_strip; strip += 2) {
        score<Fetch::kToL2, kRowTiles, 2>(query, strips.keys, strip, scores);
      }
      if (strip < seen.end_strip) score<Fetch::kToL2, kRowTiles, 1>(query, strips.keys, strip, scores);
    });
    exponentiate_seen(scratch, kv_tile, seen, max, sum);
    with_row_tiles(rows.end - first_row, [&]<int kRowTiles>() {
      weigh_seen<kRowTiles>(scratch, kv_tile, seen, strips.values, first_row, out);
    });
  }

  // Probabilities of all strips that any row sees: zeros where a row does not see a key.
  void exponentiate_seen(const Scratch& scratch, int64_t kv_tile, const SeenByRows& seen, float* max,
                         float* sum) const {
    const RowRange rows = seen.rows;
    if (seen.is_uniform()) {
      Base::exponentiate_rows(tile_, seen.any, {}, rows.end - rows.begin, scratch.scores + rows.begin * kKvTileTokens,
                              scratch.probabilities + rows.begin * kKvTileTokens, max + rows.begin, sum + rows.begin);
      return;
    }
    for (int row = rows.begin; row < rows.end; ++row) {
      const Visible keys = visible(scratch, row, kv_tile);
      Weight* probabilities = scratch.probabilities + row * kKvTileTokens;
      sum[row] = Base::exponentiate(tile_, keys, {}, scratch.scores + row * kKvTileTokens, probabilities, &max[row]);
      const int own_begin = keys.begin / kStripTokens * kStripTokens;
      const int own_end = (keys.end + kStripTokens - 1) / kStripTokens * kStripTokens;
      for (int i = seen.first_strip * kStripTokens; i < own_begin; ++i) probabilities[i] = 0;
      for (int i = own_end; i < seen.end_strip * kStripTokens; ++i) probabilities[i] = 0;
    }
  }

  // Values that only some rows see are multiplied by the other rows' zeros if they are finite, and left out row by row
  // if not.
  template <int kRowTiles>
  void weigh_seen(const Scratch& scratch, int64_t kv_tile, const SeenByRows& seen, const Strips& as_stored,
                  int first_row, float* out) {
    Strips values = as_stored;
    bool is_by_row[kStrips] = {};
    for (int strip = seen.first_strip; strip < seen.end_strip; ++strip) {
      if (sees_all(seen.all, strip)) continue;
      std::byte* copy = masked_values_ + strip * strip_bytes(tile_.head_dim);
      const bool is_finite = copy_masked(as_stored.of[strip], strip, seen.any, copy);
      values.of[strip] = copy;
      is_by_row[strip] = !is_finite && !seen.is_uniform();
    }
    const int64_t width = tile_.head_dim;
    for (int strip = seen.first_strip, end = strip; strip < seen.end_strip; strip = end) {
      const bool is_start = strip == seen.first_strip;
      while (end < seen.end_strip && !is_by_row[end]) ++end;
      // At the start, even for no strips, this writes the zeros that weigh_row() adds to.
      if (strip < end || is_start) {
        weigh<Fetch::kToL2, kRowTiles>(scratch.probabilities + first_row * kKvTileTokens, values, strip, end, is_start,
                                       out + first_row * width);
      }
      for (; end < seen.end_strip && is_by_row[end]; ++end) {
        for (int row = seen.rows.begin; row < seen.rows.end; ++row) {
          weigh_row(scratch.probabilities + row * kKvTileTokens, as_stored.of[end], end, visible(scratch, row, kv_tile),
                    out + row * width);
        }
      }
    }
  }

  const QueryTile& tile_;
  const int rows_of_head_;
  std::byte* const masked_values_;
  Tiles tiles_;
};

}  // namespace
}  // namespace braid::cpu
