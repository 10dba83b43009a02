// The attention kernel, written once for all tiers: goes through a query tile's KV tiles and joins them. A KV tile is
// computed in vectors (attention_kv_tile_inl.h; for one token attention_token_inl.h) or in AMX's tile registers
// (attention_amx_inl.h). Included by one source file per tier; everything has internal linkage.
#pragma once

#include <cstdint>

#include "braid/kernels/cpu/attention_token_inl.h"

namespace braid::cpu {
namespace {

template <typename Tier, typename Format>
class VectorAttention : public AttentionToken<Tier, Format> {
 public:
  using Base = AttentionToken<Tier, Format>;
  using RowRange = typename Base::RowRange;
  using Scratch = typename Base::Scratch;

  static int64_t rows_of_out(const QueryTile& tile) { return tile.num_rows; }

  VectorAttention(const QueryTile& tile, std::byte*) : tile_(tile) {}

  void attend(const Scratch& scratch, int64_t kv_tile, RowRange rows, const KvTilePlace& behind, float* max, float* sum,
              float* out) const {
    if (tile_.is_one_token()) {
      Base::attend_token(tile_, scratch, kv_tile, behind, max, sum, out);
      return;
    }
    const auto strips = Base::find_strips(tile_, kv_tile, behind);
    if constexpr (Base::kHasCodes) {
      for (int strip = 0; strip < kStrips; ++strip) {
        if (strips.keys.of[strip] == nullptr) continue;
        Base::load_scales(strips.keys.of[strip], scratch.key_scales + strip * kStripTokens);
        Base::load_scales(strips.values.of[strip], scratch.value_scales + strip * kStripTokens);
      }
    }
    for (int first = rows.begin; first < rows.end; first += Tier::kRows) {
      const int count = smaller(Tier::kRows, rows.end - first);
      Base::template attend_rows<Tier::kRows>(tile_, scratch, strips, kv_tile, first, count, max + first, sum + first,
                                              out + first * padded(tile_.head_dim));
    }
  }

 private:
  const QueryTile& tile_;
};

// Attention is constructed from a query tile and all of a thread's scratch. Besides the members of AttentionKvTile it
// has:
//   rows_of_out(tile)    rows of a KV tile's `out` that attend() may write
//   attend(scratch, kv_tile, rows, behind, max, sum, out)
//                        computes (max, sum, out [rows_of_out][padded]) of one KV tile for `rows`, the rows that see
//                        any of its keys; fetches `behind`, the place that is read next
template <typename Tier, typename Format, typename Attention = VectorAttention<Tier, Format>>
struct AttentionKernel : Attention {
  using KvTile = Attention;
  using V = typename KvTile::V;
  using Scratch = typename KvTile::Scratch;
  using RowRange = typename KvTile::RowRange;
  using KvTile::exp2;
  using KvTile::is_first_kv_tile;
  using KvTile::make_scratch;
  using KvTile::rows_of_kv_tile;
  static constexpr int kLanes = KvTile::kLanes;

  // The result of joining each row's KV tiles so far with its next one, one row per lane.
  struct Joined {
    float max[kMaxRows];
    float sum[kMaxRows];
    float old_factor[kMaxRows];
    float new_factor[kMaxRows];
  };
  // For `rows`; the other lanes of their vectors hold nothing of use.
  static void join_sums(const Scratch& scratch, RowRange rows, const float* max, const float* sum, Joined* joined) {
    for (int row = rows.begin / kLanes * kLanes; row < rows.end; row += kLanes) {
      const V old_max = Tier::load(scratch.max + row);
      const V new_max = Tier::load(max + row);
      const V joined_max = Tier::max(old_max, new_max);
      const V old_factor = exp2(Tier::subtract(old_max, joined_max));
      const V new_factor = exp2(Tier::subtract(new_max, joined_max));
      const V scaled = Tier::multiply(Tier::load(scratch.sum + row), old_factor);
      Tier::store(joined->max + row, joined_max);
      Tier::store(joined->sum + row, Tier::multiply_add(Tier::load(sum + row), new_factor, scaled));
      Tier::store(joined->old_factor + row, old_factor);
      Tier::store(joined->new_factor + row, new_factor);
    }
  }

  static int64_t out_bytes(const QueryTile& tile) { return tile.out_dtype == DType::kFloat32 ? 4 : 2; }

  // Goes through a query tile's rows; each row is one query head of one new token.
  struct RowCursor {
    const QueryTile& tile;
    int64_t token;
    int64_t head;

    RowCursor(const QueryTile& of_tile, int row)
        : tile(of_tile),
          token((of_tile.first_index + row) / of_tile.heads()),
          head((of_tile.first_index + row) % of_tile.heads()) {}
    void advance() {
      if (++head < tile.heads()) return;
      head = 0;
      ++token;
    }
    int64_t position() const { return tile.first_position + token; }
    const float* q() const { return tile.q + token * tile.q_stride + head * tile.head_dim; }
    std::byte* out() const { return tile.out + (token * tile.out_stride + head * tile.head_dim) * out_bytes(tile); }
  };

  static void load_positions(const QueryTile& tile, const Scratch& scratch) {
    RowCursor cursor(tile, 0);
    for (int row = 0; row < tile.num_rows; ++row, cursor.advance()) scratch.position[row] = cursor.position();
  }
  static void load_queries(const QueryTile& tile, const Scratch& scratch) {
    RowCursor cursor(tile, 0);
    for (int row = 0; row < tile.num_rows; ++row, cursor.advance()) {
      Format::put_query(cursor.q(), tile.head_dim, scratch.query + row * padded(tile.head_dim));
    }
  }

  // Rows lie far apart, and each is too short for the processor to predict. While a query tile's KV tile number i of n
  // is computed, this fetches a part of the tile's own output rows and of the next tile's queries.
  static void fetch_rows(const QueryTile& tile, const QueryTile* next, int64_t i, int64_t n) {
    const auto begin = static_cast<int>(kMaxRows * i / n);
    const auto end = static_cast<int>(kMaxRows * (i + 1) / n);
    RowCursor own(tile, begin);
    for (int row = begin; row < smaller(end, tile.num_rows); ++row, own.advance()) {
      for (int64_t at = 0; at < tile.head_dim * out_bytes(tile); at += 64) __builtin_prefetch(own.out() + at, 1, 2);
    }
    if (next == nullptr) return;
    RowCursor later(*next, begin);
    for (int row = begin; row < smaller(end, next->num_rows); ++row, later.advance()) {
      for (int64_t dim = 0; dim < next->head_dim; dim += 16) __builtin_prefetch(later.q() + dim, 0, 2);
    }
  }

  // The factor for a row's sum of values: 1 / the sum of its probabilities, including a sink's.
  static float factor_of_row(const QueryTile& tile, const Scratch& scratch, int row, int head) {
    if (tile.sinks == nullptr) return 1.0F / scratch.sum[row];
    constexpr float kLog2E = 1.44269504F;
    const float sink = tile.sinks[head] * kLog2E;
    const float joined = larger(scratch.max[row], sink);
    const float own = Tier::first_lane(exp2(Tier::broadcast(scratch.max[row] - joined)));
    const float of_sink = Tier::first_lane(exp2(Tier::broadcast(sink - joined)));
    return own / (scratch.sum[row] * own + of_sink);
  }

  static void write_out(const QueryTile& tile, const Scratch& scratch) {
    RowCursor cursor(tile, 0);
    for (int row = 0; row < tile.num_rows; ++row, cursor.advance()) {
      std::byte* out = cursor.out();
      const V factor = Tier::broadcast(factor_of_row(tile, scratch, row, static_cast<int>(cursor.head)));
      const float* total = scratch.total + row * padded(tile.head_dim);
      for (int64_t dim = 0; dim < tile.head_dim; dim += kLanes) {
        const V value = Tier::multiply(Tier::load(total + dim), factor);
        const int count = static_cast<int>(smaller<int64_t>(kLanes, tile.head_dim - dim));
        if (tile.out_dtype == DType::kFloat32) {
          Tier::store_some(reinterpret_cast<float*>(out) + dim, value, count);
        } else {
          Tier::store_bfloat16(reinterpret_cast<uint16_t*>(out) + dim, value, count);
        }
      }
    }
  }

  static KvTilePlace place_behind(const QueryTile& tile, int64_t kv_tile, int64_t end_kv_tile,
                                  const KvTilePlace& after) {
    return kv_tile + 1 < end_kv_tile ? KvTilePlace{.tile = &tile, .kv_tile = kv_tile + 1} : after;
  }

  // Joins the result of attend() with the KV tiles before it. A row's first KV tile is taken unchanged.
  static void join_rows(const QueryTile& tile, const Scratch& scratch, int64_t kv_tile, RowRange rows, const float* max,
                        const float* sum, const float* out) {
    const int64_t width = padded(tile.head_dim);
    Joined joined;
    join_sums(scratch, rows, max, sum, &joined);
    for (int row = rows.begin; row < rows.end; ++row) {
      float* total = scratch.total + row * width;
      const float* added = out + row * width;
      if (is_first_kv_tile(tile, scratch.position[row], kv_tile)) {
        for (int64_t i = 0; i < width; i += kLanes) Tier::store(total + i, Tier::load(added + i));
        scratch.max[row] = max[row];
        scratch.sum[row] = sum[row];
        continue;
      }
      const V old_factor = Tier::broadcast(joined.old_factor[row]);
      const V new_factor = Tier::broadcast(joined.new_factor[row]);
      for (int64_t i = 0; i < width; i += kLanes) {
        const V scaled = Tier::multiply(Tier::load(total + i), old_factor);
        Tier::store(total + i, Tier::multiply_add(Tier::load(added + i), new_factor, scaled));
      }
      scratch.max[row] = joined.max[row];
      scratch.sum[row] = joined.sum[row];
    }
  }

  static void run(const QueryTile& tile, const KvTilePlace& after, std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    load_positions(tile, scratch);
    load_queries(tile, scratch);
    const int64_t first_kv_tile = tile.first_kv_tile();
    const int64_t end_kv_tile = tile.end_kv_tile();
    Attention attention(tile, memory);
    for (int64_t kv_tile = first_kv_tile; kv_tile < end_kv_tile; ++kv_tile) {
      fetch_rows(tile, after.tile, kv_tile - first_kv_tile, end_kv_tile - first_kv_tile);
      const RowRange rows = rows_of_kv_tile(tile, scratch, kv_tile);
      attention.attend(scratch, kv_tile, rows, place_behind(tile, kv_tile, end_kv_tile, after), scratch.kv_tile_max,
                       scratch.kv_tile_sum, scratch.kv_tile_out);
      join_rows(tile, scratch, kv_tile, rows, scratch.kv_tile_max, scratch.kv_tile_sum, scratch.kv_tile_out);
    }
    write_out(tile, scratch);
  }

  // The partial results of one KV tile: out [rows_of_out][padded], max [kMaxRows], sum [kMaxRows].
  static int64_t out_floats(const QueryTile& tile) { return KvTile::rows_of_out(tile) * padded(tile.head_dim); }
  static int64_t partial_floats(const QueryTile& tile) { return out_floats(tile) + 2 * kMaxRows; }

  static void kv_tiles(const QueryTile& tile, int64_t first_kv_tile, int64_t end_kv_tile, const KvTilePlace& after,
                       float* partials, std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    load_positions(tile, scratch);
    load_queries(tile, scratch);
    Attention attention(tile, memory);
    for (int64_t kv_tile = first_kv_tile; kv_tile < end_kv_tile; ++kv_tile) {
      float* max = partials + out_floats(tile);
      attention.attend(scratch, kv_tile, rows_of_kv_tile(tile, scratch, kv_tile),
                       place_behind(tile, kv_tile, end_kv_tile, after), max, max + kMaxRows, partials);
      partials += partial_floats(tile);
    }
  }

  static void join(const QueryTile& tile, const float* partials, std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    load_positions(tile, scratch);
    for (int64_t kv_tile = tile.first_kv_tile(); kv_tile < tile.end_kv_tile(); ++kv_tile) {
      const float* max = partials + out_floats(tile);
      join_rows(tile, scratch, kv_tile, rows_of_kv_tile(tile, scratch, kv_tile), max, max + kMaxRows, partials);
      partials += partial_floats(tile);
    }
    write_out(tile, scratch);
  }

  static constexpr AttentionKernels table() {
    return {.scratch_bytes = KvTile::scratch_bytes,
            .partial_floats = partial_floats,
            .run = run,
            .kv_tiles = kv_tiles,
            .join = join};
  }
};

}  // namespace
}  // namespace braid::cpu
