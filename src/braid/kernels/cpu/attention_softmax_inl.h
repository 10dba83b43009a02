// From a KV tile's scores to the probabilities that weight its values; and what all attention files share. Included
// (through attention_kv_tile_inl.h, which defines Tier and Format) by one source file per tier.
#pragma once

#include <cstdint>
#include <limits>

#include "braid/kernels/cpu/attention_kernels.h"

namespace braid::cpu {
namespace {

constexpr int kKvTileTokens = Ops::kKvTileTokens;
constexpr int kStripTokens = KvLayer::kKeyVectorTokens;
constexpr int kStrips = kKvTileTokens / kStripTokens;
constexpr int kMaxRows = QueryTile::kMaxRows;
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr int kWordBytes = 4;  // of a float, or a pair of bfloat16: what one lane reads

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

// The keys of a KV tile that a row sees: [begin, end) within the KV tile.
struct Visible {
  int begin;
  int end;
};

template <typename Tier, typename Format>
struct AttentionSoftmax {
  using V = typename Tier::Vector;
  using Weight = typename Format::Weight;
  static constexpr int kLanes = Tier::kLanes;
  static constexpr bool kHasCodes = Format::kElementBytes == 1;

  // With codes: the scales of a KV tile's keys and of its values under one KV head, [kKvTileTokens] each. Only those of
  // strips that are read hold anything.
  struct TokenScales {
    const float* keys = nullptr;
    const float* values = nullptr;
  };
  static void scale_scores(const float* scales, float* scores, int first, int last) {
    for (int i = first; i < last; i += kLanes) {
      Tier::store(scores + i, Tier::multiply(Tier::load(scores + i), Tier::load(scales + i)));
    }
  }

  // Stores a vector of probabilities. Returns what counts in their sum. A scale of the values goes into the stored
  // probabilities alone.
  static V put(V powers, const float* value_scales, int i, Weight* probabilities) {
    if constexpr (kHasCodes) {
      Format::put(Tier::multiply(powers, Tier::load(value_scales + i)), probabilities + i);
      return powers;
    } else {
      return Format::put(powers, probabilities + i);
    }
  }

  // Replaces scores [first, last) by soft_cap · tanh(scale · score / soft_cap). tanh(x) = sign(x)(1 - t)/(1 + t), t =
  // 2^(-2 |x| log2 e): absolute error 1e-7.
  static void cap_scores(const QueryTile& tile, float* scores, int first, int last) {
    constexpr float kTwiceLog2E = 2.88539008F;
    const V one = Tier::broadcast(1.0F);
    const V scale = Tier::broadcast(tile.scale / tile.soft_cap);
    const V cap = Tier::broadcast(tile.soft_cap);
    for (int i = first; i < last; i += kLanes) {
      const V x = Tier::multiply(Tier::load(scores + i), scale);
      const V size = Tier::max(Tier::subtract(Tier::zero(), x), x);
      const V t = exp2(Tier::multiply(size, Tier::broadcast(-kTwiceLog2E)));
      const V tanh_size = Tier::divide(Tier::subtract(one, t), Tier::add(one, t));
      const V sign = Tier::divide(x, Tier::max(Tier::broadcast(1e-30F), size));
      Tier::store(scores + i, Tier::multiply(Tier::multiply(tanh_size, sign), cap));
    }
  }

  // Turns the scores of one row into probabilities. Returns their sum; `max` is the largest score in base-2 units.
  static float exponentiate(const QueryTile& tile, Visible keys, const TokenScales& scales, float* scores,
                            Weight* probabilities, float* max) {
    constexpr float kLog2E = 1.44269504F;
    const int first = keys.begin / kStripTokens * kStripTokens;
    const int last = (keys.end + kStripTokens - 1) / kStripTokens * kStripTokens;
    // Zero probabilities of keys that the row does not see must not meet a scale that is a NaN.
    float value_scales[kHasCodes ? kKvTileTokens : 1] = {};
    if constexpr (kHasCodes) {
      scale_scores(scales.keys, scores, first, last);
      for (int i = keys.begin; i < keys.end; ++i) value_scales[i] = scales.values[i];
    }
    if (tile.soft_cap > 0) cap_scores(tile, scores, first, last);
    const V scale = Tier::broadcast(tile.soft_cap > 0 ? kLog2E : tile.scale * kLog2E);
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
      sum = Tier::add(sum, put(power, value_scales, i, probabilities));
    }
    return Tier::sum_lanes(sum);
  }

  // The same for R rows that see the whole KV tile, side by side in registers, so that none waits for another.
  template <int R>
  static void exponentiate_whole(const QueryTile& tile, const TokenScales& scales, float* scores, Weight* probabilities,
                                 float* max, float* sum) {
    constexpr float kLog2E = 1.44269504F;
    constexpr int kVectors = kKvTileTokens / kLanes;
    const V scale = Tier::broadcast(tile.soft_cap > 0 ? kLog2E : tile.scale * kLog2E);
    V values[R][kVectors];
    for (int r = 0; r < R; ++r) {
      if constexpr (kHasCodes) scale_scores(scales.keys, scores + r * kKvTileTokens, 0, kKvTileTokens);
      if (tile.soft_cap > 0) cap_scores(tile, scores + r * kKvTileTokens, 0, kKvTileTokens);
      V largest = Tier::broadcast(kMinusInfinity);
      for (int i = 0; i < kVectors; ++i) {
        values[r][i] = Tier::multiply(Tier::load(scores + r * kKvTileTokens + i * kLanes), scale);
        largest = Tier::max(largest, values[r][i]);
      }
      max[r] = Tier::max_lane(largest);
    }
    for (int r = 0; r < R; ++r) {
      const V shift = Tier::broadcast(max[r]);
      for (int i = 0; i < kVectors; ++i) values[r][i] = exp2(Tier::subtract(values[r][i], shift));
    }
    for (int r = 0; r < R; ++r) {
      V total = Tier::zero();
      for (int i = 0; i < kVectors; ++i) {
        total = Tier::add(total, put(values[r][i], scales.values, i * kLanes, probabilities + r * kKvTileTokens));
      }
      sum[r] = Tier::sum_lanes(total);
    }
  }

  // The same for `count` rows that all see `keys`.
  static void exponentiate_rows(const QueryTile& tile, Visible keys, const TokenScales& scales, int count,
                                float* scores, Weight* probabilities, float* max, float* sum) {
    const bool is_whole = keys.begin == 0 && keys.end == kKvTileTokens;
    for (int row = 0; row < count;) {
      float* of_row = scores + row * kKvTileTokens;
      Weight* to = probabilities + row * kKvTileTokens;
      if (!is_whole) {
        sum[row] = exponentiate(tile, keys, scales, of_row, to, &max[row]);
        ++row;
      } else if (row + Tier::kSoftmaxRows <= count) {
        exponentiate_whole<Tier::kSoftmaxRows>(tile, scales, of_row, to, max + row, sum + row);
        row += Tier::kSoftmaxRows;
      } else {
        exponentiate_whole<1>(tile, scales, of_row, to, max + row, sum + row);
        ++row;
      }
    }
  }

  // 2^x for x <= 0 (Cephes' exp2f: 2^n · p(f), n whole, |f| <= 1/2; 1 ulp); 0 below -126.5.
  static V exp2(V x) {
    const V round = Tier::broadcast(12582912.0F);              // 1.5 · 2^23: adding it rounds to an integer
    const V clamped = Tier::max(Tier::broadcast(-127.0F), x);  // in this order a NaN is kept
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
};

}  // namespace
}  // namespace braid::cpu
