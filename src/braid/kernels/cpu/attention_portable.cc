// Attention in the compiler's own vectors of four floats, for any processor. Probabilities stay float32; a product and
// its addition round apart, since not every processor has a fused instruction.
#include "braid/kernels/cpu/attention_inl.h"

namespace braid::cpu {
namespace {

struct Portable {
  using Vector = float __attribute__((vector_size(16)));
  using Bits = uint32_t __attribute__((vector_size(16)));
  static constexpr int kLanes = 4;
  static constexpr int kRows = 2;
  static constexpr int kKeyVectors = 4;
  static constexpr int kDimVectors = 4;

  static Vector zero() { return Vector{}; }
  static Vector broadcast(float value) { return Vector{value, value, value, value}; }
  static Vector load(const float* from) {
    Vector value;
    __builtin_memcpy(&value, from, sizeof(value));
    return value;
  }
  static void store(float* to, Vector value) { __builtin_memcpy(to, &value, sizeof(value)); }
  static Vector add(Vector a, Vector b) { return a + b; }
  static Vector subtract(Vector a, Vector b) { return a - b; }
  static Vector multiply(Vector a, Vector b) { return a * b; }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
  static Vector max(Vector a, Vector b) { return a > b ? a : b; }  // b where either is a NaN
  static float max_lane(Vector value) { return larger(larger(value[0], value[2]), larger(value[1], value[3])); }
  static float sum_lanes(Vector value) { return (value[0] + value[2]) + (value[1] + value[3]); }
  static float first_lane(Vector value) { return value[0]; }

  // Minus infinity outside lanes [begin, end).
  static Vector mask(Vector value, int begin, int end) {
    for (int i = 0; i < kLanes; ++i) {
      if (i < begin || i >= end) value[i] = kMinusInfinity;
    }
    return value;
  }

  // 2^n from n + 1.5 · 2^23, for -127 <= n <= 0; 0 for -127.
  static Vector power_of_two(Vector shifted) {
    return __builtin_bit_cast(Vector, (__builtin_bit_cast(Bits, shifted) + 127U) << 23);
  }

  // A head_dim is a multiple of 8, so there are always 4 lanes.
  static void store_some(float* to, Vector value, int) { store(to, value); }
  static void store_bfloat16(uint16_t* to, Vector value, int) {
    const Bits bits = rounded_bits(value);
    for (int i = 0; i < kLanes; ++i) to[i] = static_cast<uint16_t>(bits[i] >> 16);
  }
  // To nearest bfloat16, ties to even, in the upper half of each lane; the lower half is noise.
  static Bits rounded_bits(Vector value) {
    const Bits bits = __builtin_bit_cast(Bits, value);
    const Bits rounded = bits + 0x7fffU + ((bits >> 16) & 1U);
    return (bits & 0x7fffffffU) > 0x7f800000U ? (bits | 0x00400000U) : rounded;
  }
  static Vector upper_halves(Bits bits) { return __builtin_bit_cast(Vector, bits & 0xffff0000U); }
};

struct PortablePairs {
  using Vector = Portable::Vector;
  using Weight = float;
  struct Kv {
    Vector first;
    Vector second;
  };
  static constexpr int kStep = 2;

  static Kv load(const std::byte* from) {  // the first of a pair is the lower half of its word (little-endian)
    Portable::Bits pairs;
    __builtin_memcpy(&pairs, from, sizeof(pairs));
    return {.first = __builtin_bit_cast(Vector, pairs << 16), .second = Portable::upper_halves(pairs)};
  }
  static Kv load_some(const std::byte* from, int) { return load(from); }
  static Kv keep(Kv pair, bool first, bool second) {
    return {.first = first ? pair.first : Vector{}, .second = second ? pair.second : Vector{}};
  }
  static Kv broadcast(const Weight* pair) {
    return {.first = Portable::broadcast(pair[0]), .second = Portable::broadcast(pair[1])};
  }
  static Vector multiply_add(Kv weight, Kv value, Vector sum) {
    return weight.second * value.second + (weight.first * value.first + sum);
  }
  static Vector put(Vector weights, Weight* to) {
    Portable::store(to, weights);
    return weights;
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; i += Portable::kLanes) {
      Portable::store(to + i, Portable::upper_halves(Portable::rounded_bits(Portable::load(q + i))));
    }
  }
};

struct PortableFloats {
  using Vector = Portable::Vector;
  using Weight = float;
  using Kv = Vector;
  static constexpr int kStep = 1;

  static Kv load(const std::byte* from) { return Portable::load(reinterpret_cast<const float*>(from)); }
  static Kv load_some(const std::byte* from, int) { return load(from); }
  static Kv keep(Kv value, bool, bool) { return value; }
  static Vector broadcast(const Weight* weight) { return Portable::broadcast(*weight); }
  static Vector multiply_add(Vector weight, Kv value, Vector sum) { return weight * value + sum; }
  static Vector put(Vector weights, Weight* to) {
    Portable::store(to, weights);
    return weights;
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; ++i) to[i] = q[i];
  }
};

constexpr AttentionTier kTier = {.bfloat16 = AttentionKernel<Portable, PortablePairs>::table(),
                                 .float32 = AttentionKernel<Portable, PortableFloats>::table()};

}  // namespace

const AttentionTier& attention_portable() {
  return kTier;
}

}  // namespace braid::cpu
