// The cache's formats for tiers that multiply in float32: floats unchanged, pairs of bfloat16 widened to two vectors,
// and codes widened to one. Included (indirectly) by one source file per tier; everything has internal linkage.
//
// Besides its vectors of floats, a Tier has: Words, a vector of kLanes 32-bit words; load_words and load_some_words;
// the lower or upper halves of words as floats; rounded_bits, floats rounded to bfloat16 in the upper halves;
// from_codes and from_some_codes, codes as floats in units of unit_of_codes(); and where it is faster two_from_e4m3,
// the same of two vectors.
#pragma once

#include "braid/kernels/cpu/attention_inl.h"

namespace braid::cpu {
namespace {

// What a widened code's 1 stands for. E4M3 is read as the upper bits of a binary16, whose exponents are 8 less: the
// processor converts its subnormals exactly, also where it flushes those of floats.
constexpr float unit_of_codes(KvCodes codes) {
  return codes == KvCodes::kE4m3 ? 256.0F : 1.0F;
}

template <typename Tier>
struct Floats {
  using Vector = typename Tier::Vector;
  using Weight = float;
  using Kv = Vector;
  static constexpr int kStep = 1;
  static constexpr int kElementBytes = 4;

  static Kv load(const std::byte* from, int64_t) { return Tier::load(reinterpret_cast<const float*>(from)); }
  static Kv load_some(const std::byte* from, int64_t, int count) {
    return Tier::load_some(reinterpret_cast<const float*>(from), count);
  }
  static Kv keep(Kv value, bool, bool) { return value; }
  static Vector broadcast(const Weight* weight) { return Tier::broadcast(*weight); }
  static Vector multiply_add(Vector weight, Kv value, Vector sum) { return Tier::multiply_add(weight, value, sum); }
  static Vector put(Vector weights, Weight* to) {
    Tier::store(to, weights);
    return weights;
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; ++i) to[i] = q[i];
  }
};

template <typename Tier>
struct WidenedPairs {
  using Vector = typename Tier::Vector;
  using Weight = float;
  struct Kv {
    Vector first;
    Vector second;
  };
  static constexpr int kStep = 2;
  static constexpr int kElementBytes = 2;

  // The first element of a pair is the lower half of its word (little-endian).
  static Kv widened(typename Tier::Words pairs) {
    return {.first = Tier::lower_halves(pairs), .second = Tier::upper_halves(pairs)};
  }
  static Kv load(const std::byte* from, int64_t) { return widened(Tier::load_words(from)); }
  static Kv load_some(const std::byte* from, int64_t, int count) { return widened(Tier::load_some_words(from, count)); }
  static Kv keep(Kv pair, bool first, bool second) {
    return {.first = first ? pair.first : Tier::zero(), .second = second ? pair.second : Tier::zero()};
  }
  static Kv broadcast(const Weight* pair) {
    return {.first = Tier::broadcast(pair[0]), .second = Tier::broadcast(pair[1])};
  }
  static Vector multiply_add(Kv weight, Kv value, Vector sum) {
    return Tier::multiply_add(weight.second, value.second, Tier::multiply_add(weight.first, value.first, sum));
  }
  static Vector put(Vector weights, Weight* to) {
    Tier::store(to, weights);
    return weights;
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; i += Tier::kLanes) {
      const int count = static_cast<int>(smaller<int64_t>(head_dim - i, Tier::kLanes));
      Tier::store_some(to + i, Tier::upper_halves(Tier::rounded_bits(Tier::load_some(q + i, count))), count);
    }
  }
};

// Codes of eight bits as floats. Queries are rounded to bfloat16 as for a bfloat16 cache.
template <typename Tier, KvCodes kCodes>
struct WidenedCodes : Floats<Tier> {
  using Kv = typename Floats<Tier>::Kv;
  static constexpr int kElementBytes = 1;
  static constexpr float kUnit = unit_of_codes(kCodes);

  static Kv load(const std::byte* from, int64_t) { return Tier::template from_codes<kCodes>(from); }
  static Kv load_some(const std::byte* from, int64_t, int count) {
    return Tier::template from_some_codes<kCodes>(from, count);
  }
  static void load_two(const std::byte* from, int64_t, Kv& first,
                       Kv& second) requires(kCodes == KvCodes::kE4m3 &&
                                            requires { Tier::two_from_e4m3(from, first, second); }) {
    Tier::two_from_e4m3(from, first, second);
  }
  static void put_query(const float* q, int64_t head_dim, float* to) { WidenedPairs<Tier>::put_query(q, head_dim, to); }
};

}  // namespace
}  // namespace braid::cpu
