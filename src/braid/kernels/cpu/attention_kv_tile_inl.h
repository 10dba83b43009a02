// One KV tile under some rows: scores, their softmax (attention_softmax_inl.h) and the weighted sum of values. A
// template over a tier's vectors and a cache's format, included (through attention_inl.h) by one source file per tier.
// Everything here has internal linkage and calls nothing of other headers that is not always inlined (see
// row_kernels_inl.h).
//
//   Tier:    Vector (kLanes floats) and its arithmetic. Up to kRows rows meet up to kKeyVectors of keys or kDimVectors
//            of values, with kSums accumulators in all; up to 2 rows meet kDimVectorsOfFewRows. The scores of
//            kSoftmaxRows rows fit the registers too. One token's keys: kChunkRows rows in all, of chunks side by side.
//            Whether one token's keys and values are fetched to L2 alone (kFetchesTokenToL2).
//   Format:  Weight, the stored form of a query element or a probability before it meets keys or values; Kv, a vector
//            of kLanes columns with kStep elements each (pairs in bfloat16); multiply-accumulate of the two.
//            kElementBytes, of a stored element: 1 for codes, whose rows lie `row_bytes` apart; kUnit, what a code's 1
//            stands for.
#pragma once

#include <cstdint>

#include "braid/kernels/cpu/attention_softmax_inl.h"

namespace braid::cpu {
namespace {

template <typename Tier, typename Format>
struct AttentionKvTile : AttentionSoftmax<Tier, Format> {
  using Softmax = AttentionSoftmax<Tier, Format>;
  using V = typename Tier::Vector;
  using Weight = typename Format::Weight;
  using TokenScales = typename Softmax::TokenScales;
  using Softmax::exponentiate;
  using Softmax::exponentiate_rows;
  using Softmax::kHasCodes;
  static constexpr int kLanes = Tier::kLanes;
  static constexpr int kStep = Format::kStep;
  static constexpr int kStripSteps = kStripTokens / kStep;
  // Codes lie in rows of one dimension (keys) or token (values), and a step of a pair takes two rows. Otherwise a
  // step's elements lie side by side in a lane's word.
  static constexpr int kLaneBytes = kHasCodes ? 1 : kWordBytes;
  static constexpr int kStepBytes = kStep * Format::kElementBytes;  // of one column

  // A thread's memory while it works on a query tile.
  struct Scratch {
    float* total;        // [kMaxRows][padded]: of the KV tiles joined so far
    float* kv_tile_out;  // [kMaxRows][padded]
    float* max;          // [kMaxRows], of the KV tiles joined so far
    float* sum;
    float* kv_tile_max;  // [kMaxRows]
    float* kv_tile_sum;
    float* scores;          // [kMaxRows][kKvTileTokens]
    Weight* probabilities;  // [kMaxRows][kKvTileTokens]
    Weight* query;          // [kMaxRows][padded]
    int64_t* position;      // [kMaxRows]
    float* key_scales;      // with codes: [KV head of the query tile][kKvTileTokens]
    float* value_scales;
  };

  static int64_t scratch_bytes(int64_t head_dim) {
    const int64_t width = padded(head_dim);
    const int64_t floats = kMaxRows * (3 * width + 6 + (kHasCodes ? 4 : 2) * kKvTileTokens);
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
    s.kv_tile_out = take(kMaxRows * width);
    s.max = take(kMaxRows);
    s.sum = take(kMaxRows);
    s.kv_tile_max = take(kMaxRows);
    s.kv_tile_sum = take(kMaxRows);
    s.scores = take(kMaxRows * kKvTileTokens);
    s.probabilities = reinterpret_cast<Weight*>(take(kMaxRows * kKvTileTokens));
    s.query = reinterpret_cast<Weight*>(take(kMaxRows * width));
    s.position = reinterpret_cast<int64_t*>(take(2 * kMaxRows));
    s.key_scales = kHasCodes ? take(kMaxRows * kKvTileTokens) : nullptr;
    s.value_scales = kHasCodes ? take(kMaxRows * kKvTileTokens) : nullptr;
    return s;
  }

  // The keys of a KV tile that the query at `position` sees.
  static Visible visible(const QueryTile& tile, int64_t position, int64_t kv_tile) {
    const int64_t origin = kv_tile * kKvTileTokens;
    const int64_t first = tile.window > 0 ? larger<int64_t>(position - tile.window + 1, 0) : 0;
    const int64_t begin = smaller<int64_t>(larger<int64_t>(first - origin, 0), kKvTileTokens);
    const int64_t end_of_keys = tile.end_of_keys > 0 ? tile.end_of_keys : position + 1;
    const int64_t end = smaller<int64_t>(end_of_keys - origin, kKvTileTokens);
    return {.begin = static_cast<int>(begin), .end = static_cast<int>(end)};
  }

  // Whether no earlier KV tile has a key that the query at `position` sees.
  static bool is_first_kv_tile(const QueryTile& tile, int64_t position, int64_t kv_tile) {
    return kv_tile == 0 || (tile.window > 0 && position - tile.window + 1 >= kv_tile * kKvTileTokens);
  }

  // Rows that see any key of the KV tile: an interval, because positions ascend.
  struct RowRange {
    int begin;
    int end;
  };
  static RowRange rows_of_kv_tile(const QueryTile& tile, const Scratch& scratch, int64_t kv_tile) {
    RowRange rows = {.begin = 0, .end = tile.num_rows};
    const auto is_blind = [&](int row) {
      const Visible keys = visible(tile, scratch.position[row], kv_tile);
      return keys.begin >= keys.end;
    };
    while (rows.begin < rows.end && is_blind(rows.begin)) ++rows.begin;
    while (rows.begin < rows.end && is_blind(rows.end - 1)) --rows.end;
    return rows;
  }

  // Addresses of a KV tile's strips of 16 tokens. `next` is what will be read next at the same place of another strip,
  // so that it can be fetched meanwhile: a stream of 4 KB in a page is too short for the processor to predict the next.
  struct Strips {
    const std::byte* of[kStrips];
    const std::byte* next[kStrips];
  };
  struct KvTileStrips {
    Strips keys;    // next: the same KV tile's values
    Strips values;  // next: the keys of the KV tile that is read next
  };
  // Offsets of a KV tile's strips from page 0, in bytes; negative for strips that no row of the query tile sees.
  struct Offsets {
    int64_t of[kStrips];
  };
  static Offsets strip_offsets(const QueryTile& tile, int64_t kv_tile) {
    const int64_t first = tile.first_key(0);
    const int64_t end = tile.end_key(tile.num_rows - 1);
    const auto page_size = static_cast<uint32_t>(tile.page_size);
    Offsets offsets;
    for (int g = 0; g < kStrips; ++g) {
      const int64_t position = kv_tile * kKvTileTokens + g * kStripTokens;
      const auto at = static_cast<uint32_t>(position);
      const bool is_seen = position + kStripTokens > first && position < end;
      offsets.of[g] =
          is_seen ? tile.pages[at / page_size] * tile.page_bytes + at % page_size / kStripTokens * tile.strip_bytes
                  : -1;
    }
    return offsets;
  }

  static KvTileStrips find_strips(const QueryTile& tile, int64_t kv_tile, const KvTilePlace& next) {
    const Offsets own = strip_offsets(tile, kv_tile);
    KvTileStrips strips = {};
    for (int g = 0; g < kStrips; ++g) {
      if (own.of[g] < 0) continue;
      strips.keys.of[g] = strips.values.next[g] = tile.keys + own.of[g];
      strips.keys.next[g] = strips.values.of[g] = tile.values + own.of[g];
    }
    if (next.tile == nullptr) return strips;
    const Offsets later = strip_offsets(*next.tile, next.kv_tile);
    for (int g = 0; g < kStrips; ++g) {
      if (later.of[g] >= 0) strips.values.next[g] = next.tile->keys + later.of[g];
    }
    return strips;
  }

  // The scales of a strip's tokens lie before its codes.
  static constexpr int kStripScaleBytes = kStripTokens * 2;
  static void load_scales(const std::byte* codes, float* scales) {
    uint16_t stored[kStripTokens];
    __builtin_memcpy(stored, codes - kStripScaleBytes, sizeof(stored));
    for (int i = 0; i < kStripTokens; ++i) {
      scales[i] = __builtin_bit_cast(float, static_cast<uint32_t>(stored[i]) << 16) * Format::kUnit;
    }
  }
  static TokenScales scales_of_head(const Scratch& scratch, int head) {
    if constexpr (!kHasCodes) return {};
    return {.keys = scratch.key_scales + head * kKvTileTokens, .values = scratch.value_scales + head * kKvTileTokens};
  }

  // Which cache the next data is fetched to: the first level if it is read soon. But a KV tile's strips lie 4 KB or a
  // multiple of it apart, so that their lines evict each other there (13 against 20 GB/s of keys and values on a core
  // that reads 30). And few fetches to the first level may be under way at a time.
  enum class Fetch { kToL1, kToL2 };
  static constexpr int kLineCodes = 64;  // codes in a line of the cache
  template <Fetch kFetch>
  static void fetch(const std::byte* line) {
    __builtin_prefetch(line, 0, kFetch == Fetch::kToL1 ? 3 : 2);
  }

  // Some codes are cheaper to widen two vectors at a time, for all rows or up to some number of them.
  template <int R>
  static constexpr bool widens_in_pairs() {
    if constexpr (requires { Format::kMostRowsInPairs; }) return R <= Format::kMostRowsInPairs;
    return true;
  }

  // N vectors that lie side by side, for R rows.
  template <int R, int N, typename Kv>
  static void load_vectors(const std::byte* from, int64_t stride, Kv (&out)[N]) {
    if constexpr (N % 2 == 0 && widens_in_pairs<R>() && requires { Format::load_two(from, stride, out[0], out[1]); }) {
#pragma GCC unroll 8
      for (int n = 0; n < N; n += 2) Format::load_two(from + n * kLanes * kLaneBytes, stride, out[n], out[n + 1]);
    } else {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) out[n] = Format::load(from + n * kLanes * kLaneBytes, stride);
    }
  }

  // Steps of keys that are widened at once for R rows. A head's dimensions are a multiple of 8.
  template <int R>
  static constexpr int steps_at_once() {
    constexpr bool kHasTwoSteps = requires(const std::byte* from, typename Format::Kv& kv) {
      Format::load_two_steps(from, kv, kv);
    };
    return kHasTwoSteps && widens_in_pairs<R>() ? 2 : 1;
  }
  // As many steps of N vectors that lie side by side, for R rows.
  template <int R, int kSteps, int N, typename Kv>
  static void load_steps(const std::byte* from, Kv (&out)[kSteps][N]) {
    static_assert(kSteps == steps_at_once<R>());
    if constexpr (kSteps == 2) {
      static_assert(N == 1);
      Format::load_two_steps(from, out[0][0], out[1][0]);
    } else {
      load_vectors<R>(from, kStripTokens, out[0]);
    }
  }

  // How many vectors to take at once for this many rows: `most`, halved until their sums fit.
  static constexpr int many_vectors(int rows, int most) {
    return rows * most <= Tier::kSums ? most : many_vectors(rows, most / 2);
  }

  // scores[r][key] = q[r] · k[key] for N vectors of keys, starting at vector `first` of the KV tile.
  template <Fetch kFetch, int R, int N>
  static void dot(const Weight* query, int64_t query_stride, int64_t head_dim, const Strips& keys, int first,
                  float* scores) {
    constexpr int kPerStrip = kStripTokens / kLanes;
    const std::byte* from[N];
    const std::byte* next[N];
    for (int n = 0; n < N; ++n) {
      const int64_t lanes = (first + n) % kPerStrip * kLanes * kLaneBytes;
      from[n] = keys.of[(first + n) / kPerStrip] + lanes;
      next[n] = keys.next[(first + n) / kPerStrip] + lanes;
    }
    V sums[R][N];
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) sums[r][n] = Tier::zero();
    }
    constexpr int kSteps = steps_at_once<R>();
    for (int64_t dim = 0; dim < head_dim; dim += kSteps * kStep) {
      typename Format::Kv key[N][kSteps][1];
      for (int n = 0; n < N; ++n) {
        load_steps<R>(from[n], key[n]);
        if (!kHasCodes || (dim * kStripTokens % kLineCodes == 0 && n % kPerStrip == 0)) fetch<kFetch>(next[n]);
        from[n] += kStripTokens * kSteps * kStepBytes;
        next[n] += kStripTokens * kSteps * kStepBytes;
      }
      for (int step = 0; step < kSteps; ++step) {
        for (int r = 0; r < R; ++r) {
          const auto weight = Format::broadcast(query + r * query_stride + dim + step * kStep);
          for (int n = 0; n < N; ++n) {
            sums[r][n] = Format::multiply_add(weight, key[n][step][0], sums[r][n]);
          }
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int n = 0; n < N; ++n) Tier::store(scores + r * kKvTileTokens + (first + n) * kLanes, sums[r][n]);
    }
  }

  template <Fetch kFetch, int R>
  static void score(const Weight* query, int64_t query_stride, int64_t head_dim, const Strips& keys, int begin, int end,
                    float* scores) {
    int first = begin / kStripTokens * (kStripTokens / kLanes);
    const int last = (end + kStripTokens - 1) / kStripTokens * (kStripTokens / kLanes);
    constexpr int kMany = many_vectors(R, Tier::kKeyVectors);
    for (; last - first >= kMany; first += kMany) {
      dot<kFetch, R, kMany>(query, query_stride, head_dim, keys, first, scores);
    }
    if constexpr (kMany > 2) {
      for (; last - first >= 2; first += 2) dot<kFetch, R, 2>(query, query_stride, head_dim, keys, first, scores);
    }
    for (; first < last; ++first) dot<kFetch, R, 1>(query, query_stride, head_dim, keys, first, scores);
  }

  // out[r][dims] (+)= the sum over steps [begin, end) of p[r][step] · v[step], for N vectors of dimensions.
  struct Steps {
    int begin;
    int end;
    bool has_first = true;  // which of a pair's two tokens count
    bool has_second = true;
    bool is_start = false;  // the sums start from zero, not from what `out` holds
  };
  template <Fetch kFetch, int R, int N, bool kIsTail, bool kIsMasked>
  static void accumulate(const Weight* probabilities, const Strips& values, Steps steps, int64_t head_dim,
                         int64_t first_dim, float* out) {
    const int64_t width = padded(head_dim);
    const int tail = static_cast<int>(head_dim - first_dim);  // number of lanes, if kIsTail
    V sums[R][N];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        sums[r][n] = steps.is_start ? Tier::zero() : Tier::load(out + r * width + first_dim + n * kLanes);
      }
    }
    for (int step = steps.begin; step < steps.end;) {
      const int strip_end = smaller((step / kStripSteps + 1) * kStripSteps, steps.end);
      const int64_t offset = step % kStripSteps * head_dim * kStepBytes + first_dim * kLaneBytes;
      const std::byte* from = values.of[step / kStripSteps] + offset;
      const std::byte* next = values.next[step / kStripSteps] + offset;
      for (; step < strip_end; ++step) {
        typename Format::Kv value[N];
        if constexpr (kIsTail) {
          value[0] = Format::load_some(from, head_dim, tail);
        } else {
          load_vectors<R>(from, head_dim, value);
        }
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) {
          if constexpr (!kHasCodes) {
            fetch<kFetch>(next + n * kLanes * kLaneBytes);
          } else if (n * kLanes % kLineCodes == 0 && first_dim % kLineCodes == 0) {
            for (int row = 0; row < kStep; ++row) fetch<kFetch>(next + row * head_dim + n * kLanes);
          }
          if constexpr (kIsMasked) value[n] = Format::keep(value[n], steps.has_first, steps.has_second);
        }
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          const auto weight = Format::broadcast(probabilities + r * kKvTileTokens + step * kStep);
#pragma GCC unroll 8
          for (int n = 0; n < N; ++n) sums[r][n] = Format::multiply_add(weight, value[n], sums[r][n]);
        }
        from += head_dim * kStepBytes;
        next += head_dim * kStepBytes;
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) Tier::store(out + r * width + first_dim + n * kLanes, sums[r][n]);
    }
  }

  template <Fetch kFetch, int R, bool kIsMasked>
  static void accumulate_dims(const Weight* probabilities, const Strips& values, Steps steps, int64_t head_dim,
                              float* out) {
    // Few rows have few chains of sums. Where registers are left, more columns at once hide the chains' latency.
    constexpr bool kIsWide = R <= 2 && sizeof(typename Format::Kv) == sizeof(V);
    constexpr int kMany = kIsWide ? Tier::kDimVectorsOfFewRows : many_vectors(R, Tier::kDimVectors);
    int64_t dim = 0;
    for (; dim + kMany * kLanes <= head_dim; dim += kMany * kLanes) {
      accumulate<kFetch, R, kMany, false, kIsMasked>(probabilities, values, steps, head_dim, dim, out);
    }
    for (; dim + kLanes <= head_dim; dim += kLanes) {
      accumulate<kFetch, R, 1, false, kIsMasked>(probabilities, values, steps, head_dim, dim, out);
    }
    if (dim < head_dim) accumulate<kFetch, R, 1, true, kIsMasked>(probabilities, values, steps, head_dim, dim, out);
  }

  // Keys [begin, end) for R rows that all see them. Whole steps go together; a step of which only one token counts goes
  // alone.
  template <Fetch kFetch, int R>
  static void weigh(const Weight* probabilities, const Strips& values, Visible keys, bool is_start, int64_t head_dim,
                    float* out) {
    int begin = keys.begin;
    if (begin % kStep != 0) {
      const int step = begin / kStep;
      accumulate_dims<kFetch, R, true>(probabilities, values,
                                       {.begin = step, .end = step + 1, .has_first = false, .is_start = is_start},
                                       head_dim, out);
      is_start = false;
      ++begin;
    }
    const int end = keys.end / kStep;
    if (begin / kStep < end) {
      accumulate_dims<kFetch, R, false>(probabilities, values,
                                        {.begin = begin / kStep, .end = end, .is_start = is_start}, head_dim, out);
      is_start = false;
    }
    if (keys.end % kStep != 0 && keys.end > begin) {
      accumulate_dims<kFetch, R, true>(probabilities, values,
                                       {.begin = end, .end = end + 1, .has_second = false, .is_start = is_start},
                                       head_dim, out);
    }
  }

  // (max, sum, out) of one KV tile for rows [first, first + R) of the query tile.
  template <int R>
  static void attend(const QueryTile& tile, const Scratch& scratch, const KvTileStrips& strips, int64_t kv_tile,
                     int first, float* max, float* sum, float* out) {
    const int64_t width = padded(tile.head_dim);
    Visible keys[R];
    Visible any = {.begin = kKvTileTokens, .end = 0};
    Visible all = {.begin = 0, .end = kKvTileTokens};
    for (int r = 0; r < R; ++r) {
      keys[r] = visible(tile, scratch.position[first + r], kv_tile);
      any = {.begin = smaller(any.begin, keys[r].begin), .end = larger(any.end, keys[r].end)};
      all = {.begin = larger(all.begin, keys[r].begin), .end = smaller(all.end, keys[r].end)};
    }
    score<Fetch::kToL2, R>(scratch.query + first * width, width, tile.head_dim, strips.keys, any.begin, any.end,
                           scratch.scores);
    const bool is_uniform = any.begin == all.begin && any.end == all.end;
    const TokenScales scales = scales_of_head(scratch, 0);
    if (is_uniform) {
      exponentiate_rows(tile, any, scales, R, scratch.scores, scratch.probabilities, max, sum);
      weigh<Fetch::kToL2, R>(scratch.probabilities, strips.values, any, true, tile.head_dim, out);
      return;
    }
    for (int r = 0; r < R; ++r) {
      sum[r] = exponentiate(tile, keys[r], scales, scratch.scores + r * kKvTileTokens,
                            scratch.probabilities + r * kKvTileTokens, &max[r]);
    }
    // Keys that all rows see are read together; the ends that only some rows see, before and after, row by row.
    all.begin = (all.begin + kStep - 1) / kStep * kStep;
    all.end = all.end / kStep * kStep;
    const bool is_shared = all.begin < all.end;
    for (int r = 0; r < R; ++r) {
      const Visible own = {.begin = keys[r].begin, .end = is_shared ? all.begin : keys[r].end};
      float* row_out = out + r * width;
      if (own.begin < own.end) {
        weigh<Fetch::kToL2, 1>(scratch.probabilities + r * kKvTileTokens, strips.values, own, true, tile.head_dim,
                               row_out);
      } else {
        for (int64_t i = 0; i < width; ++i) row_out[i] = 0;
      }
    }
    if (!is_shared) return;
    weigh<Fetch::kToL2, R>(scratch.probabilities, strips.values, all, false, tile.head_dim, out);
    for (int r = 0; r < R; ++r) {
      const Visible own = {.begin = all.end, .end = keys[r].end};
      if (own.begin < own.end) {
        weigh<Fetch::kToL2, 1>(scratch.probabilities + r * kKvTileTokens, strips.values, own, false, tile.head_dim,
                               out + r * width);
      }
    }
  }

  template <int R>
  static void attend_rows(const QueryTile& tile, const Scratch& scratch, const KvTileStrips& strips, int64_t kv_tile,
                          int first, int count, float* max, float* sum, float* out) {
    if constexpr (R > 1) {
      if (count < R) {
        attend_rows<R - 1>(tile, scratch, strips, kv_tile, first, count, max, sum, out);
        return;
      }
    }
    attend<R>(tile, scratch, strips, kv_tile, first, max, sum, out);
  }
};

}  // namespace
}  // namespace braid::cpu
