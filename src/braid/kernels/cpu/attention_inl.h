// The attention kernel, once for all tiers: goes through a tile's blocks (attention_block_inl.h; of one token
// attention_token_inl.h) and joins them.
// Included by one source file a tier, with internal linkage throughout.
#pragma once

#include <cstdint>

#include "braid/kernels/cpu/attention_token_inl.h"

namespace braid::cpu {
namespace {

template <typename Tier, typename Format>
struct AttentionKernel : AttentionToken<Tier, Format> {
  using Block = AttentionToken<Tier, Format>;
  using V = typename Block::V;
  using Scratch = typename Block::Scratch;
  using RowRange = typename Block::RowRange;
  using BlockGroups = typename Block::BlockGroups;
  using Block::exp2;
  using Block::find_groups;
  using Block::is_first_block;
  using Block::make_scratch;
  using Block::rows_of_block;
  static constexpr int kLanes = Block::kLanes;

  // Joins one row's block to those before it; the first is taken as it is.
  static void join_row(const Scratch& scratch, int row, bool is_first, float max, float sum, const float* out,
                       int64_t width) {
    float* total = scratch.total + row * width;
    if (is_first) {
      for (int64_t i = 0; i < width; i += kLanes) Tier::store(total + i, Tier::load(out + i));
      scratch.max[row] = max;
      scratch.sum[row] = sum;
      return;
    }
    const float joined = larger(scratch.max[row], max);
    const V old_factor = exp2(Tier::broadcast(scratch.max[row] - joined));
    const V new_factor = exp2(Tier::broadcast(max - joined));
    for (int64_t i = 0; i < width; i += kLanes) {
      const V scaled = Tier::multiply(Tier::load(total + i), old_factor);
      Tier::store(total + i, Tier::multiply_add(Tier::load(out + i), new_factor, scaled));
    }
    const V scaled = Tier::multiply(Tier::broadcast(scratch.sum[row]), old_factor);
    scratch.sum[row] = Tier::first_lane(Tier::multiply_add(Tier::broadcast(sum), new_factor, scaled));
    scratch.max[row] = joined;
  }

  static void load_rows(const AttentionTile& tile, const Scratch& scratch) {
    for (int row = 0; row < tile.num_rows; ++row) {
      scratch.position[row] = tile.position(row);
      const int64_t index = tile.first_index + row;
      const float* q = tile.q + index / tile.heads() * tile.q_stride + index % tile.heads() * tile.head_dim;
      Format::put_query(q, tile.head_dim, scratch.query + row * padded(tile.head_dim));
    }
  }

  // What a row's sum of values is multiplied by: 1 / the sum of its probabilities, a sink's among them.
  static float factor_of_row(const AttentionTile& tile, const Scratch& scratch, int row, int head) {
    if (tile.sinks == nullptr) return 1.0F / scratch.sum[row];
    constexpr float kLog2E = 1.44269504F;
    const float sink = tile.sinks[head] * kLog2E;
    const float joined = larger(scratch.max[row], sink);
    const float own = Tier::first_lane(exp2(Tier::broadcast(scratch.max[row] - joined)));
    const float of_sink = Tier::first_lane(exp2(Tier::broadcast(sink - joined)));
    return own / (scratch.sum[row] * own + of_sink);
  }

  static void write_out(const AttentionTile& tile, const Scratch& scratch) {
    const int64_t bytes = tile.out_dtype == DType::kFloat32 ? 4 : 2;
    for (int row = 0; row < tile.num_rows; ++row) {
      const int64_t index = tile.first_index + row;
      std::byte* out =
          tile.out + (index / tile.heads() * tile.out_stride + index % tile.heads() * tile.head_dim) * bytes;
      const V factor = Tier::broadcast(factor_of_row(tile, scratch, row, static_cast<int>(index % tile.heads())));
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

  static BlockPlace place_behind(const AttentionTile& tile, int64_t block, int64_t end_block, const BlockPlace& after) {
    return block + 1 < end_block ? BlockPlace{.tile = &tile, .block = block + 1} : after;
  }

  // (max, sum, out) of one block for all rows of the tile that see any of its keys; returns these.
  static RowRange attend_block(const AttentionTile& tile, const Scratch& scratch, int64_t block,
                               const BlockPlace& behind, float* max, float* sum, float* out) {
    const RowRange rows = rows_of_block(tile, scratch, block);
    if (tile.is_one_token()) {
      Block::attend_token(tile, scratch, block, behind, max, sum, out);
      return rows;
    }
    const BlockGroups groups = find_groups(tile, block, behind);
    for (int first = rows.begin; first < rows.end; first += Tier::kRows) {
      const int count = smaller(Tier::kRows, rows.end - first);
      Block::template attend_rows<Tier::kRows>(tile, scratch, groups, block, first, count, max + first, sum + first,
                                               out + first * padded(tile.head_dim));
    }
    return rows;
  }

  // Joins what attend_block() gave.
  static void join_rows(const AttentionTile& tile, const Scratch& scratch, int64_t block, RowRange rows,
                        const float* max, const float* sum, const float* out) {
    const int64_t width = padded(tile.head_dim);
    for (int row = rows.begin; row < rows.end; ++row) {
      join_row(scratch, row, is_first_block(tile, scratch.position[row], block), max[row], sum[row], out + row * width,
               width);
    }
  }

  static void run(const AttentionTile& tile, const BlockPlace& after, std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    load_rows(tile, scratch);
    const int64_t end_block = tile.end_block();
    for (int64_t block = tile.first_block(); block < end_block; ++block) {
      const RowRange rows = attend_block(tile, scratch, block, place_behind(tile, block, end_block, after),
                                         scratch.block_max, scratch.block_sum, scratch.block_out);
      join_rows(tile, scratch, block, rows, scratch.block_max, scratch.block_sum, scratch.block_out);
    }
    write_out(tile, scratch);
  }

  // A block's partial results: out [num_rows][padded], max [kMaxRows], sum [kMaxRows].
  static int64_t partial_floats(const AttentionTile& tile) {
    return tile.num_rows * padded(tile.head_dim) + 2 * kMaxRows;
  }

  static void blocks(const AttentionTile& tile, int64_t first_block, int64_t end_block, const BlockPlace& after,
                     float* partials, std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    const int64_t width = padded(tile.head_dim);
    load_rows(tile, scratch);
    for (int64_t block = first_block; block < end_block; ++block) {
      float* max = partials + tile.num_rows * width;
      attend_block(tile, scratch, block, place_behind(tile, block, end_block, after), max, max + kMaxRows, partials);
      partials += partial_floats(tile);
    }
  }

  static void join(const AttentionTile& tile, const float* partials, std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    const int64_t width = padded(tile.head_dim);
    for (int row = 0; row < tile.num_rows; ++row) scratch.position[row] = tile.position(row);
    for (int64_t block = tile.first_block(); block < tile.end_block(); ++block) {
      const float* max = partials + tile.num_rows * width;
      join_rows(tile, scratch, block, rows_of_block(tile, scratch, block), max, max + kMaxRows, partials);
      partials += partial_floats(tile);
    }
    write_out(tile, scratch);
  }

  static constexpr AttentionKernels table() {
    return {.scratch_bytes = Block::scratch_bytes,
            .partial_floats = partial_floats,
            .run = run,
            .blocks = blocks,
            .join = join};
  }
};

}  // namespace
}  // namespace braid::cpu
