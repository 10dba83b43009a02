// One KV tile under the rows of one token, for several KV heads. With few rows the time goes into reading, and memory
// delivers a quarter more to sequential reads than to reads that jump every few KB. So data is read in the order of its
// addresses: all heads' keys, page by page, then their values. A row gets the same bits as in attention_kv_tile_inl.h.
// Included (through attention_inl.h) by one source file per tier.
#pragma once

#include <cstdint>

#include "braid/kernels/cpu/attention_kv_tile_inl.h"

namespace braid::cpu {
namespace {

template <typename Tier, typename Format>
struct AttentionToken : AttentionKvTile<Tier, Format> {
  using KvTile = AttentionKvTile<Tier, Format>;
  using Strips = typename KvTile::Strips;
  using Offsets = typename KvTile::Offsets;
  using Scratch = typename KvTile::Scratch;
  using V = typename KvTile::V;
  using Weight = typename KvTile::Weight;

  using KvTile::kHasCodes;

  static constexpr int kMaxChunks = kStrips * kMaxRows;
  static constexpr int kAhead = kHasCodes ? 4 : 2;
  static constexpr auto kFetch = Tier::kFetchesTokenToL2 ? KvTile::Fetch::kToL2 : KvTile::Fetch::kToL1;

  // A strip of one KV head.
  struct Chunk {
    int64_t offset;  // bytes from the first KV head's part of page 0
    int32_t strip;
    int32_t head;
  };

  // Where the scales of a chunk's tokens lie among those of the KV tile.
  static int scale_at(const Chunk& chunk) { return chunk.head * kKvTileTokens + chunk.strip * kStripTokens; }

  struct Chunks {
    int count = 0;
    Chunk of[kMaxChunks];
  };
  // The first chunks of a KV tile, at most `limit`, in the order of their addresses within a page.
  static void find_chunks(const KvTilePlace& place, int limit, Chunks* chunks) {
    chunks->count = 0;
    if (place.tile == nullptr) return;
    const QueryTile& tile = *place.tile;
    const Offsets offsets = KvTile::strip_offsets(tile, place.kv_tile);
    const int strips_of_page = smaller(tile.page_size / kStripTokens, kStrips);
    for (int page = 0; page < kStrips; page += strips_of_page) {
      for (int head = 0; head < tile.num_kv_heads; ++head) {
        for (int strip = page; strip < smaller(page + strips_of_page, kStrips); ++strip) {
          if (offsets.of[strip] < 0) continue;
          if (chunks->count == limit) return;
          chunks->of[chunks->count++] = {
              .offset = offsets.of[strip] + head * tile.head_bytes, .strip = strip, .head = head};
        }
      }
    }
  }

  // What is read for a KV tile, in this order: its chunks' keys, their values, and then the next KV tile's first keys.
  struct Reading {
    const QueryTile& tile;
    const KvTilePlace& behind;
    Chunks own;
    Chunks later;

    Reading(const QueryTile& of_tile, int64_t kv_tile, const KvTilePlace& then) : tile(of_tile), behind(then) {
      find_chunks({.tile = &of_tile, .kv_tile = kv_tile}, kMaxChunks, &own);
      find_chunks(then, kAhead, &later);
    }
    const std::byte* at(int index) const {
      if (index < own.count) return tile.keys + own.of[index].offset;
      index -= own.count;
      if (index < own.count) return tile.values + own.of[index].offset;
      index -= own.count;
      return index < later.count ? behind.tile->keys + later.of[index].offset : nullptr;
    }
    // One chunk as strips of which only this one is read; `next` is what is read kAhead chunks later.
    Strips strips(int index, int strip) const {
      Strips strips = {};
      strips.of[strip] = at(index);
      strips.next[strip] = at(index + kAhead);
      return strips;
    }
  };
  template <int R>
  static void score_chunk(const Weight* query, int64_t head_dim, const Strips& keys, int strip, int count,
                          float* scores) {
    if constexpr (R > 1) {
      if (count < R) return score_chunk<R - 1>(query, head_dim, keys, strip, count, scores);
    }
    KvTile::template score<kFetch, R>(query, padded(head_dim), head_dim, keys, strip * kStripTokens,
                                      (strip + 1) * kStripTokens, scores);
  }

  static void load_key_scales(const Scratch& scratch, const Reading& reading, int index) {
    if constexpr (kHasCodes) {
      KvTile::load_scales(reading.at(index), scratch.key_scales + scale_at(reading.own.of[index]));
      const std::byte* values = reading.at(reading.own.count + index);
      __builtin_prefetch(values - KvTile::kStripScaleBytes, 0, 3);
    }
  }

  // The scores of C chunks, from `first` on, under R rows a KV head. One chunk has R · 16 sums, too few chains to hide
  // their latency; each sum is taken as in score().
  template <int R, int C>
  static void score_side_by_side(const Scratch& scratch, int64_t head_dim, const Reading& reading, int first) {
    constexpr int kPerStrip = kStripTokens / KvTile::kLanes;
    constexpr int kVectorBytes = KvTile::kLanes * KvTile::kLaneBytes;
    constexpr int kStep = KvTile::kStep;
    constexpr int kSteps = KvTile::template steps_at_once<R>();
    const int64_t width = padded(head_dim);
    const std::byte* from[C];
    const std::byte* next[C];
    const Weight* query[C];
    V sums[C][R][kPerStrip];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      load_key_scales(scratch, reading, first + c);
      from[c] = reading.at(first + c);
      next[c] = reading.at(first + c + kAhead);
      query[c] = scratch.query + reading.own.of[first + c].head * R * width;
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < kPerStrip; ++n) sums[c][r][n] = Tier::zero();
      }
    }
    for (int64_t dim = 0; dim < head_dim; dim += kSteps * kStep) {
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        typename Format::Kv key[kSteps][kPerStrip];
        KvTile::template load_steps<R>(from[c], key);
#pragma GCC unroll 8
        for (int n = 0; n < kPerStrip; ++n) {
          if (!kHasCodes || (dim * kStripTokens % KvTile::kLineCodes == 0 && n == 0)) {
            KvTile::template fetch<kFetch>(next[c] + n * kVectorBytes);
          }
        }
        from[c] += kStripTokens * kSteps * KvTile::kStepBytes;
        next[c] += kStripTokens * kSteps * KvTile::kStepBytes;
#pragma GCC unroll 2
        for (int step = 0; step < kSteps; ++step) {
#pragma GCC unroll 8
          for (int r = 0; r < R; ++r) {
            const auto weight = Format::broadcast(query[c] + r * width + dim + step * kStep);
#pragma GCC unroll 8
            for (int n = 0; n < kPerStrip; ++n) {
              sums[c][r][n] = Format::multiply_add(weight, key[step][n], sums[c][r][n]);
            }
          }
        }
      }
    }
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const Chunk& chunk = reading.own.of[first + c];
      float* scores = scratch.scores + chunk.head * R * kKvTileTokens + chunk.strip * kStripTokens;
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
        for (int n = 0; n < kPerStrip; ++n) {
          Tier::store(scores + r * kKvTileTokens + n * KvTile::kLanes, sums[c][r][n]);
        }
      }
    }
  }

  // As many chunks of R rows a KV head as go side by side. Returns how many of them.
  template <int R>
  static int score_together(const Scratch& scratch, int64_t head_dim, const Reading& reading) {
    constexpr int C = Tier::kChunkRows / R;
    int done = 0;
    if constexpr (C > 1) {
      for (; done + C <= reading.own.count; done += C) {
        score_side_by_side<R, C>(scratch, head_dim, reading, done);
      }
    }
    return done;
  }

  template <int R>
  static void weigh_chunk(const Weight* probabilities, const Strips& values, Visible keys, bool is_start,
                          int64_t head_dim, int count, float* out) {
    if constexpr (R > 1) {
      if (count < R) return weigh_chunk<R - 1>(probabilities, values, keys, is_start, head_dim, count, out);
    }
    KvTile::template weigh<kFetch, R>(probabilities, values, keys, is_start, head_dim, out);
  }

  // (max, sum, out) of one KV tile for all rows of the query tile, which belong to one token.
  static void attend_token(const QueryTile& tile, const Scratch& scratch, int64_t kv_tile, const KvTilePlace& behind,
                           float* max, float* sum, float* out) {
    const int64_t width = padded(tile.head_dim);
    const int rows_of_head = tile.num_rows / tile.num_kv_heads;
    const Visible keys = KvTile::visible(tile, scratch.position[0], kv_tile);
    const Reading reading(tile, kv_tile, behind);
    const int num_chunks = reading.own.count;
    const auto for_rows = [&](int head, const auto& run) {
      for (int row = 0; row < rows_of_head; row += Tier::kRows) {
        run(head * rows_of_head + row, smaller(Tier::kRows, rows_of_head - row));
      }
    };

    int num_scored = 0;
    if (rows_of_head == 1) num_scored = score_together<1>(scratch, tile.head_dim, reading);
    if (rows_of_head == 2) num_scored = score_together<2>(scratch, tile.head_dim, reading);
    for (int i = num_scored; i < num_chunks; ++i) {
      const Chunk& chunk = reading.own.of[i];
      const Strips strips = reading.strips(i, chunk.strip);
      load_key_scales(scratch, reading, i);
      for_rows(chunk.head, [&](int row, int count) {
        score_chunk<Tier::kRows>(scratch.query + row * width, tile.head_dim, strips, chunk.strip, count,
                                 scratch.scores + row * kKvTileTokens);
      });
    }
    if constexpr (kHasCodes) {
      for (int i = 0; i < num_chunks; ++i) {
        KvTile::load_scales(reading.at(num_chunks + i), scratch.value_scales + scale_at(reading.own.of[i]));
      }
      for (int row = 0; row < tile.num_rows; row += rows_of_head) {
        KvTile::exponentiate_rows(tile, keys, KvTile::scales_of_head(scratch, row / rows_of_head), rows_of_head,
                                  scratch.scores + row * kKvTileTokens, scratch.probabilities + row * kKvTileTokens,
                                  max + row, sum + row);
      }
    } else {
      KvTile::exponentiate_rows(tile, keys, {}, tile.num_rows, scratch.scores, scratch.probabilities, max, sum);
    }
    for (int i = 0; i < num_chunks; ++i) {
      const Chunk& chunk = reading.own.of[i];
      const Strips strips = reading.strips(num_chunks + i, chunk.strip);
      const Visible seen = {.begin = larger(keys.begin, chunk.strip * kStripTokens),
                            .end = smaller(keys.end, (chunk.strip + 1) * kStripTokens)};
      const bool is_start = seen.begin == keys.begin;
      for_rows(chunk.head, [&](int row, int count) {
        weigh_chunk<Tier::kRows>(scratch.probabilities + row * kKvTileTokens, strips, seen, is_start, tile.head_dim,
                                 count, out + row * width);
      });
    }
  }
};

}  // namespace
}  // namespace braid::cpu
