// The attention kernel, once for all tiers: a template over a tier's vectors and a cache's format. Included by one
// source file a tier, which must define the two first. Everything here has internal linkage and calls nothing of other
// headers that is not always inlined (see row_kernels_inl.h).
//
// Tier:    Vector (kLanes floats) and its arithmetic; kRows x kKeyVectors and kRows x kDimVectors accumulators fit the
//          registers.
// Format:  Weight, what a query element or a probability is stored as before it meets keys or values; Kv, a vector of
//          kLanes columns with kStep elements each (pairs in bfloat16); multiply-accumulate of the two.
#pragma once

#include <cstdint>
#include <limits>

#include "braid/kernels/cpu/attention_kernels.h"

namespace braid::cpu {
namespace {

constexpr int kBlock = Ops::kAttentionBlock;
constexpr int kGroup = KvLayer::kGroupTokens;
constexpr int kGroups = kBlock / kGroup;
constexpr int kMaxRows = AttentionTile::kMaxRows;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr int kWordBytes = 4;  // of a float, or of a pair of bfloat16: what one lane reads

template <typename T>
T smaller(T a, T b) {
  return a < b ? a : b;
}
template <typename T>
T larger(T a, T b) {
  return a > b ? a : b;
}

constexpr int64_t padded(int64_t head_dim) {
  return (head_dim + 15) / 16 * 16;
}

template <typename Tier, typename Format>
struct AttentionKernel {
  using V = typename Tier::Vector;
  using Weight = typename Format::Weight;
  static constexpr int kLanes = Tier::kLanes;
  static constexpr int kStep = Format::kStep;
  static constexpr int kGroupSteps = kGroup / kStep;

  // A thread's memory while it works on a tile.
  struct Scratch {
    float* total;      // [kMaxRows][padded]: of the blocks joined so far
    float* block_out;  // [kRows][padded]
    float* max;        // [kMaxRows], of the blocks joined so far
    float* sum;
    float* block_max;  // [kRows]
    float* block_sum;
    float* scores;          // [kRows][kBlock]
    Weight* probabilities;  // [kRows][kBlock]
    Weight* query;          // [kMaxRows][padded]
  };

  static int64_t scratch_bytes(int64_t head_dim) {
    const int64_t width = padded(head_dim);
    const int64_t floats = (2 * kMaxRows + Tier::kRows) * width + 4 * kMaxRows + 2 * Tier::kRows * kBlock;
    return floats * static_cast<int64_t>(sizeof(float));
  }

  static Scratch make_scratch(std::byte* memory, int64_t head_dim) {
    const int64_t width = padded(head_dim);
    auto* next = reinterpret_cast<float*>(memory);
    const auto take = [&next](int64_t count) {
      float* taken = next;
      next += count;
      return taken;
    };
    Scratch s;
    s.total = take(kMaxRows * width);
    s.block_out = take(Tier::kRows * width);
    s.max = take(kMaxRows);
    s.sum = take(kMaxRows);
    s.block_max = take(kMaxRows);
    s.block_sum = take(kMaxRows);
    s.scores = take(Tier::kRows * kBlock);
    s.probabilities = reinterpret_cast<Weight*>(take(Tier::kRows * kBlock));
    s.query = reinterpret_cast<Weight*>(take(kMaxRows * width));
    return s;
  }

  // The keys of a block that a row sees: [begin, end) within the block.
  struct Visible {
    int begin;
    int end;
  };
  static Visible visible(const AttentionTile& tile, int64_t row, int64_t block) {
    const int64_t origin = block * kBlock;
    const int64_t begin = larger<int64_t>(tile.first_key(row) - origin, 0);
    const int64_t end = smaller<int64_t>(tile.position(row) + 1 - origin, kBlock);
    return {.begin = static_cast<int>(smaller<int64_t>(begin, kBlock)), .end = static_cast<int>(end)};
  }

  // Rows that see any key of the block: an interval, because positions ascend.
  struct RowRange {
    int begin;
    int end;
  };
  static RowRange rows_of_block(const AttentionTile& tile, int64_t block) {
    RowRange rows = {.begin = 0, .end = tile.num_rows};
    const auto is_blind = [&](int row) {
      const Visible keys = visible(tile, row, block);
      return keys.begin >= keys.end;
    };
    while (rows.begin < rows.end && is_blind(rows.begin)) ++rows.begin;
    while (rows.begin < rows.end && is_blind(rows.end - 1)) --rows.end;
    return rows;
  }

  struct Groups {
    const std::byte* of[kGroups];
  };
  static Groups find_groups(const AttentionTile& tile, const std::byte* base, int64_t block, int begin, int end) {
    Groups groups = {};
    const int64_t group_bytes = int64_t{tile.head_dim} * kGroup * kWordBytes / kStep;
    for (int g = begin / kGroup; g * kGroup < end; ++g) {
      const int64_t position = block * kBlock + g * kGroup;
      const int64_t page = tile.pages[position / tile.page_size];
      groups.of[g] = base + page * tile.page_bytes + position % tile.page_size / kGroup * group_bytes;
    }
    return groups;
  }

  // scores[r][key] = q[r] · k[key] for N vectors of keys, from vector `first` of the block.
  template <int R, int N>
  static void dot(const Weight* query, int64_t query_stride, int64_t head_dim, const Groups& keys, int first,
                  float* scores) {
    constexpr int kPerGroup = kGroup / kLanes;
    const std::byte* next[N];
    for (int n = 0; n < N; ++n) {
      next[n] = keys.of[(first + n) / kPerGroup] + (first + n) % kPerGroup * kLanes * kWordBytes;
    }
    V sums[R][N];
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) sums[r][n] = Tier::zero();
    }
    for (int64_t dim = 0; dim < head_dim; dim += kStep) {
      typename Format::Kv key[N];
      for (int n = 0; n < N; ++n) {
        key[n] = Format::load(next[n]);
        next[n] += kGroup * kWordBytes;
      }
      for (int r = 0; r < R; ++r) {
        const auto weight = Format::broadcast(query + r * query_stride + dim);
        for (int n = 0; n < N; ++n) sums[r][n] = Format::multiply_add(weight, key[n], sums[r][n]);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) Tier::store(scores + r * kBlock + (first + n) * kLanes, sums[r][n]);
    }
  }

  template <int R>
  static void score(const Weight* query, int64_t query_stride, int64_t head_dim, const Groups& keys, int begin, int end,
                    float* scores) {
    int first = begin / kGroup * (kGroup / kLanes);
    const int last = (end + kGroup - 1) / kGroup * (kGroup / kLanes);
    constexpr int kMany = Tier::kKeyVectors;
    for (; last - first >= kMany; first += kMany) {
      dot<R, kMany>(query, query_stride, head_dim, keys, first, scores);
    }
    if constexpr (kMany > 2) {
      for (; last - first >= 2; first += 2) dot<R, 2>(query, query_stride, head_dim, keys, first, scores);
    }
    for (; first < last; ++first) dot<R, 1>(query, query_stride, head_dim, keys, first, scores);
  }

  // Scores of one row to probabilities; returns their sum, and the largest score in base-2 units.
  static float exponentiate(const AttentionTile& tile, Visible keys, float* scores, Weight* probabilities, float* max) {
    constexpr float kLog2E = 1.44269504F;
    const int first = keys.begin / kGroup * kGroup;
    const int last = (keys.end + kGroup - 1) / kGroup * kGroup;
    const V scale = Tier::broadcast(tile.scale * kLog2E);
    V largest = Tier::broadcast(kMinusInfinity);
    for (int i = first; i < last; i += kLanes) {
      V value = Tier::multiply(Tier::load(scores + i), scale);
      if (i < keys.begin || i + kLanes > keys.end) value = Tier::mask(value, keys.begin - i, keys.end - i);
      Tier::store(scores + i, value);
      largest = Tier::max(largest, value);
    }
    *max = Tier::max_lane(largest);
    const V shift = Tier::broadcast(*max);
    V sum = Tier::zero();
    for (int i = first; i < last; i += kLanes) {
      const V power = exp2(Tier::subtract(Tier::load(scores + i), shift));
      sum = Tier::add(sum, Format::put(power, probabilities + i));
    }
    return Tier::sum_lanes(sum);
  }

  // 2^x for x <= 0 (Cephes' exp2f: 2^n · p(f), n whole, |f| <= 1/2; 1 ulp); 0 below -126.5.
  static V exp2(V x) {
    const V round = Tier::broadcast(12582912.0F);              // 1.5 · 2^23: adding it rounds to an integer
    const V clamped = Tier::max(Tier::broadcast(-127.0F), x);  // in this order a NaN stays
    const V shifted = Tier::add(clamped, round);
    const V f = Tier::subtract(clamped, Tier::subtract(shifted, round));
    V p = Tier::broadcast(1.535336188319500e-4F);
    p = Tier::multiply_add(p, f, Tier::broadcast(1.339887440266574e-3F));
    p = Tier::multiply_add(p, f, Tier::broadcast(9.618437357674640e-3F));
    p = Tier::multiply_add(p, f, Tier::broadcast(5.550332471162809e-2F));
    p = Tier::multiply_add(p, f, Tier::broadcast(2.402264791363012e-1F));
    p = Tier::multiply_add(p, f, Tier::broadcast(6.931472028550421e-1F));
    p = Tier::multiply_add(p, f, Tier::broadcast(1.0F));
    return Tier::multiply(p, Tier::power_of_two(shifted));
  }

  // out[r][dims] (+)= the sum over steps [begin, end) of p[r][step] · v[step], for N vectors of dimensions.
  struct Steps {
    int begin;
    int end;
    bool has_first = true;  // of a pair's two tokens, which count
    bool has_second = true;
    bool is_start = false;  // the sums start from zero, not from what `out` holds
  };
  template <int R, int N, bool kIsTail, bool kIsMasked>
  static void accumulate(const Weight* probabilities, const Groups& values, Steps steps, int64_t head_dim,
                         int64_t first_dim, float* out) {
    const int64_t width = padded(head_dim);
    const int tail = static_cast<int>(head_dim - first_dim);  // lanes there are, where kIsTail
    V sums[R][N];
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) {
        sums[r][n] = steps.is_start ? Tier::zero() : Tier::load(out + r * width + first_dim + n * kLanes);
      }
    }
    for (int step = steps.begin; step < steps.end;) {
      const int group_end = smaller((step / kGroupSteps + 1) * kGroupSteps, steps.end);
      const std::byte* next = values.of[step / kGroupSteps] + (step % kGroupSteps * head_dim + first_dim) * kWordBytes;
      for (; step < group_end; ++step) {
        typename Format::Kv value[N];
        for (int n = 0; n < N; ++n) {
          if constexpr (kIsTail) {
            value[n] = Format::load_some(next, tail);
          } else {
            value[n] = Format::load(next + n * kLanes * kWordBytes);
          }
          if constexpr (kIsMasked) value[n] = Format::keep(value[n], steps.has_first, steps.has_second);
        }
        for (int r = 0; r < R; ++r) {
          const auto weight = Format::broadcast(probabilities + r * kBlock + step * kStep);
          for (int n = 0; n < N; ++n) sums[r][n] = Format::multiply_add(weight, value[n], sums[r][n]);
        }
        next += head_dim * kWordBytes;
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) Tier::store(out + r * width + first_dim + n * kLanes, sums[r][n]);
    }
  }

  template <int R, bool kIsMasked>
  static void accumulate_dims(const Weight* probabilities, const Groups& values, Steps steps, int64_t head_dim,
                              float* out) {
    constexpr int kMany = Tier::kDimVectors;
    int64_t dim = 0;
    for (; dim + kMany * kLanes <= head_dim; dim += kMany * kLanes) {
      accumulate<R, kMany, false, kIsMasked>(probabilities, values, steps, head_dim, dim, out);
    }
    for (; dim + kLanes <= head_dim; dim += kLanes) {
      accumulate<R, 1, false, kIsMasked>(probabilities, values, steps, head_dim, dim, out);
    }
    if (dim < head_dim) accumulate<R, 1, true, kIsMasked>(probabilities, values, steps, head_dim, dim, out);
  }

  // Keys [begin, end) for R rows that all see them; whole steps in one go, a step of which one token counts alone.
  template <int R>
  static void weigh(const Weight* probabilities, const Groups& values, Visible keys, bool is_start, int64_t head_dim,
                    float* out) {
    int begin = keys.begin;
    if (begin % kStep != 0) {
      const int step = begin / kStep;
      accumulate_dims<R, true>(probabilities, values,
                               {.begin = step, .end = step + 1, .has_first = false, .is_start = is_start}, head_dim,
                               out);
      is_start = false;
      ++begin;
    }
    const int end = keys.end / kStep;
    if (begin / kStep < end) {
      accumulate_dims<R, false>(probabilities, values, {.begin = begin / kStep, .end = end, .is_start = is_start},
                                head_dim, out);
      is_start = false;
    }
    if (keys.end % kStep != 0 && keys.end > begin) {
      accumulate_dims<R, true>(probabilities, values,
                               {.begin = end, .end = end + 1, .has_second = false, .is_start = is_start}, head_dim,
                               out);
    }
  }

  // (max, sum, out) of one block for rows [first, first + R) of the tile.
  template <int R>
  static void attend(const AttentionTile& tile, const Scratch& scratch, int64_t block, int first, float* max,
                     float* sum, float* out) {
    const int64_t width = padded(tile.head_dim);
    Visible keys[R];
    Visible any = {.begin = kBlock, .end = 0};
    Visible all = {.begin = 0, .end = kBlock};
    for (int r = 0; r < R; ++r) {
      keys[r] = visible(tile, first + r, block);
      any = {.begin = smaller(any.begin, keys[r].begin), .end = larger(any.end, keys[r].end)};
      all = {.begin = larger(all.begin, keys[r].begin), .end = smaller(all.end, keys[r].end)};
    }
    const Groups key_groups = find_groups(tile, tile.keys, block, any.begin, any.end);
    const Groups value_groups = find_groups(tile, tile.values, block, any.begin, any.end);
    score<R>(scratch.query + first * width, width, tile.head_dim, key_groups, any.begin, any.end, scratch.scores);
    for (int r = 0; r < R; ++r) {
      sum[r] = exponentiate(tile, keys[r], scratch.scores + r * kBlock, scratch.probabilities + r * kBlock, &max[r]);
    }

    // What all rows see, they read together; each row's own ends, before and after that, alone.
    const bool is_uniform = any.begin == all.begin && any.end == all.end;
    if (is_uniform) {
      weigh<R>(scratch.probabilities, value_groups, any, true, tile.head_dim, out);
      return;
    }
    all.begin = (all.begin + kStep - 1) / kStep * kStep;
    all.end = all.end / kStep * kStep;
    const bool is_shared = all.begin < all.end;
    for (int r = 0; r < R; ++r) {
      const Visible own = {.begin = keys[r].begin, .end = is_shared ? all.begin : keys[r].end};
      float* row_out = out + r * width;
      if (own.begin < own.end) {
        weigh<1>(scratch.probabilities + r * kBlock, value_groups, own, true, tile.head_dim, row_out);
      } else {
        for (int64_t i = 0; i < width; ++i) row_out[i] = 0;
      }
    }
    if (!is_shared) return;
    weigh<R>(scratch.probabilities, value_groups, all, false, tile.head_dim, out);
    for (int r = 0; r < R; ++r) {
      const Visible own = {.begin = all.end, .end = keys[r].end};
      if (own.begin < own.end) {
        weigh<1>(scratch.probabilities + r * kBlock, value_groups, own, false, tile.head_dim, out + r * width);
      }
    }
  }

  template <int R>
  static void attend_rows(const AttentionTile& tile, const Scratch& scratch, int64_t block, int first, int count,
                          float* max, float* sum, float* out) {
    if constexpr (R > 1) {
      if (count < R) {
        attend_rows<R - 1>(tile, scratch, block, first, count, max, sum, out);
        return;
      }
    }
    attend<R>(tile, scratch, block, first, max, sum, out);
  }

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

  static void load_query(const AttentionTile& tile, const Scratch& scratch) {
    for (int row = 0; row < tile.num_rows; ++row) {
      const int64_t index = tile.first_index + row;
      const float* q = tile.q + index / tile.heads_per_kv * tile.q_stride + index % tile.heads_per_kv * tile.head_dim;
      Format::put_query(q, tile.head_dim, scratch.query + row * padded(tile.head_dim));
    }
  }

  static void write_out(const AttentionTile& tile, const Scratch& scratch) {
    const int64_t bytes = tile.out_dtype == DType::kFloat32 ? 4 : 2;
    for (int row = 0; row < tile.num_rows; ++row) {
      const int64_t index = tile.first_index + row;
      std::byte* out =
          tile.out + (index / tile.heads_per_kv * tile.out_stride + index % tile.heads_per_kv * tile.head_dim) * bytes;
      const V factor = Tier::broadcast(1.0F / scratch.sum[row]);
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

  static void run(const AttentionTile& tile, std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    const int64_t width = padded(tile.head_dim);
    load_query(tile, scratch);
    for (int64_t block = tile.first_block(); block < tile.end_block(); ++block) {
      const RowRange rows = rows_of_block(tile, block);
      for (int first = rows.begin; first < rows.end; first += Tier::kRows) {
        const int count = smaller(Tier::kRows, rows.end - first);
        attend_rows<Tier::kRows>(tile, scratch, block, first, count, scratch.block_max, scratch.block_sum,
                                 scratch.block_out);
        for (int r = 0; r < count; ++r) {
          const bool is_first = tile.first_key(first + r) >= block * kBlock;
          join_row(scratch, first + r, is_first || block == 0, scratch.block_max[r], scratch.block_sum[r],
                   scratch.block_out + r * width, width);
        }
      }
    }
    write_out(tile, scratch);
  }

  // A block's partial results: out [num_rows][padded], max [kMaxRows], sum [kMaxRows].
  static int64_t partial_floats(const AttentionTile& tile) {
    return tile.num_rows * padded(tile.head_dim) + 2 * kMaxRows;
  }

  static void blocks(const AttentionTile& tile, int64_t first_block, int64_t end_block, float* partials,
                     std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    const int64_t width = padded(tile.head_dim);
    load_query(tile, scratch);
    for (int64_t block = first_block; block < end_block; ++block) {
      float* max = partials + tile.num_rows * width;
      float* sum = max + kMaxRows;
      const RowRange rows = rows_of_block(tile, block);
      for (int first = rows.begin; first < rows.end; first += Tier::kRows) {
        const int count = smaller(Tier::kRows, rows.end - first);
        attend_rows<Tier::kRows>(tile, scratch, block, first, count, max + first, sum + first,
                                 partials + first * width);
      }
      partials += partial_floats(tile);
    }
  }

  static void join(const AttentionTile& tile, const float* partials, std::byte* memory) {
    const Scratch scratch = make_scratch(memory, tile.head_dim);
    const int64_t width = padded(tile.head_dim);
    for (int64_t block = tile.first_block(); block < tile.end_block(); ++block) {
      const float* max = partials + tile.num_rows * width;
      const float* sum = max + kMaxRows;
      const RowRange rows = rows_of_block(tile, block);
      for (int row = rows.begin; row < rows.end; ++row) {
        const bool is_first = tile.first_key(row) >= block * kBlock;
        join_row(scratch, row, is_first || block == 0, max[row], sum[row], partials + row * width, width);
      }
      partials += partial_floats(tile);
    }
    write_out(tile, scratch);
  }

  static constexpr AttentionKernels table() {
    return {
        .scratch_bytes = scratch_bytes, .partial_floats = partial_floats, .run = run, .blocks = blocks, .join = join};
  }
};

}  // namespace
}  // namespace braid::cpu
