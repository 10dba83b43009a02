// One block of keys and values under the rows of one token, of several KV heads. Few rows take the time of reading, and
// memory gives a quarter more to a reader that goes straight on than to one that jumps every few KB: so what is read is
// taken in the order of its addresses, all heads' keys, page by page, then their values. What a row gets are the bits
// of attention_block_inl.h. Included (by way of attention_inl.h) by one source file a tier.
#pragma once

#include <cstdint>

#include "braid/kernels/cpu/attention_block_inl.h"

namespace braid::cpu {
namespace {

template <typename Tier, typename Format>
struct AttentionToken : AttentionBlock<Tier, Format> {
  using Block = AttentionBlock<Tier, Format>;
  using Groups = typename Block::Groups;
  using Offsets = typename Block::Offsets;
  using Scratch = typename Block::Scratch;
  using Weight = typename Block::Weight;

  static constexpr int kMaxChunks = kGroups * kMaxRows;
  static constexpr int kAhead = 2;

  // A group of a KV head.
  struct Chunk {
    int64_t offset;  // bytes from the first KV head's part of page 0
    int32_t group;
    int32_t head;
  };

  struct Chunks {
    int count = 0;
    Chunk of[kMaxChunks];
  };
  // The first chunks of a block, at most `limit`, in the order of their addresses within a page.
  static void find_chunks(const BlockPlace& place, int limit, Chunks* chunks) {
    chunks->count = 0;
    if (place.tile == nullptr) return;
    const AttentionTile& tile = *place.tile;
    const Offsets offsets = Block::group_offsets(tile, place.block);
    const int groups_of_page = smaller(tile.page_size / kGroup, kGroups);
    for (int page = 0; page < kGroups; page += groups_of_page) {
      for (int head = 0; head < tile.num_kv_heads; ++head) {
        for (int group = page; group < smaller(page + groups_of_page, kGroups); ++group) {
          if (offsets.of[group] < 0) continue;
          if (chunks->count == limit) return;
          chunks->of[chunks->count++] = {
              .offset = offsets.of[group] + head * tile.head_bytes, .group = group, .head = head};
        }
      }
    }
  }

  // What is read in a block, one after another: its chunks' keys, their values, and behind them the next block's
  // first keys.
  struct Reading {
    const AttentionTile& tile;
    const BlockPlace& behind;
    Chunks own;
    Chunks later;

    Reading(const AttentionTile& of_tile, int64_t block, const BlockPlace& then) : tile(of_tile), behind(then) {
      find_chunks({.tile = &of_tile, .block = block}, kMaxChunks, &own);
      find_chunks(then, kAhead, &later);
    }
    const std::byte* at(int index) const {
      if (index < own.count) return tile.keys + own.of[index].offset;
      index -= own.count;
      if (index < own.count) return tile.values + own.of[index].offset;
      index -= own.count;
      return index < later.count ? behind.tile->keys + later.of[index].offset : nullptr;
    }
    // One chunk as groups of which the others are not read; with it is fetched what is read kAhead chunks later.
    Groups groups(int index, int group) const {
      Groups groups = {};
      groups.of[group] = at(index);
      groups.next[group] = at(index + kAhead);
      return groups;
    }
  };
  template <int R>
  static void score_chunk(const Weight* query, int64_t head_dim, const Groups& keys, int group, int count,
                          float* scores) {
    if constexpr (R > 1) {
      if (count < R) return score_chunk<R - 1>(query, head_dim, keys, group, count, scores);
    }
    Block::template score<Block::Fetch::kToL1, R>(query, padded(head_dim), head_dim, keys, group * kGroup,
                                                  (group + 1) * kGroup, scores);
  }

  template <int R>
  static void weigh_chunk(const Weight* probabilities, const Groups& values, Visible keys, bool is_start,
                          int64_t head_dim, int count, float* out) {
    if constexpr (R > 1) {
      if (count < R) return weigh_chunk<R - 1>(probabilities, values, keys, is_start, head_dim, count, out);
    }
    Block::template weigh<Block::Fetch::kToL1, R>(probabilities, values, keys, is_start, head_dim, out);
  }

  // (max, sum, out) of one block for all rows of the tile, which is of one token.
  static void attend_token(const AttentionTile& tile, const Scratch& scratch, int64_t block, const BlockPlace& behind,
                           float* max, float* sum, float* out) {
    const int64_t width = padded(tile.head_dim);
    const int rows_of_head = tile.num_rows / tile.num_kv_heads;
    const Visible keys = Block::visible(tile, scratch.position[0], block);
    const Reading reading(tile, block, behind);
    const int num_chunks = reading.own.count;
    const auto for_rows = [&](int head, const auto& run) {
      for (int row = 0; row < rows_of_head; row += Tier::kRows) {
        run(head * rows_of_head + row, smaller(Tier::kRows, rows_of_head - row));
      }
    };

    for (int i = 0; i < num_chunks; ++i) {
      const Chunk& chunk = reading.own.of[i];
      const Groups groups = reading.groups(i, chunk.group);
      for_rows(chunk.head, [&](int row, int count) {
        score_chunk<Tier::kRows>(scratch.query + row * width, tile.head_dim, groups, chunk.group, count,
                                 scratch.scores + row * kBlock);
      });
    }
    Block::exponentiate_rows(tile, keys, tile.num_rows, scratch.scores, scratch.probabilities, max, sum);
    for (int i = 0; i < num_chunks; ++i) {
      const Chunk& chunk = reading.own.of[i];
      const Groups groups = reading.groups(num_chunks + i, chunk.group);
      const Visible seen = {.begin = larger(keys.begin, chunk.group * kGroup),
                            .end = smaller(keys.end, (chunk.group + 1) * kGroup)};
      const bool is_start = seen.begin == keys.begin;
      for_rows(chunk.head, [&](int row, int count) {
        weigh_chunk<Tier::kRows>(scratch.probabilities + row * kBlock, groups, seen, is_start, tile.head_dim, count,
                                 out + row * width);
      });
    }
  }
};

}  // namespace
}  // namespace braid::cpu
