// The portable tier's multiplications and additions, in any C++ compiler's vectors of 16 bytes. Tested by
// multiply_loops_test.cc.
#include "braid/bench/roofline/multiply_loops_inl.h"

namespace braid::bench {
namespace {

typedef float Floats __attribute__((vector_size(16)));
typedef uint32_t Words __attribute__((vector_size(16)));

struct PortableStep {
  using Sums = Floats;
  using Line = Words;
  using Term = Floats;
  static constexpr int kRows = 4;
  static constexpr int kFactors = 4;  // else the product of a factor and a term would be the same for all rows
  static constexpr int kSums = 4;
  static constexpr int64_t kLineBytes = 16;
  static constexpr double kFlops = 2.0 * 4;
  static constexpr const char* kInstruction = "multiplications and additions of 128 bits";
  static constexpr bool kHasFloatRows = true;
  static inline __attribute__((always_inline)) Words load(const std::byte* from) {
    Words words;
    __builtin_memcpy(&words, from, sizeof(words));
    return words;
  }
  static inline __attribute__((always_inline)) float factor(const std::byte* from) {
    float value;
    __builtin_memcpy(&value, from, sizeof(value));
    return value;
  }
  static inline __attribute__((always_inline)) Floats multiply_add(Floats sums, float factor, Floats term) {
    return sums + factor * term;
  }
  static inline __attribute__((always_inline)) void keep(float& factor) {
#if defined(__x86_64__)
    asm volatile("" : "+x"(factor));
#else
    asm volatile("" : "+m"(factor));
#endif
  }
  static inline __attribute__((always_inline)) Floats load_sums(const float* from) {
    Floats sums;
    __builtin_memcpy(&sums, from, sizeof(sums));
    return sums;
  }
  static inline __attribute__((always_inline)) void store_sums(Floats sums, float* to) {
    __builtin_memcpy(to, &sums, sizeof(sums));
  }
};

struct PortableBf16Step : PortableStep {
  static constexpr int kTerms = 2;
  static inline __attribute__((always_inline)) Floats term(Words words, int index) {
    return index == 0 ? __builtin_bit_cast(Floats, words & 0xffff0000U) : __builtin_bit_cast(Floats, words << 16);
  }
};

struct PortableF32Step : PortableStep {
  static constexpr int kTerms = 1;
  static inline __attribute__((always_inline)) Floats term(Words words, int) {
    return __builtin_bit_cast(Floats, words);
  }
};

typedef int32_t Integers __attribute__((vector_size(16)));

// Pairs of 16 bits, as kernels/cpu/quantized_integer_inl.h multiplies them.
struct PortablePairsStep {
  using Sums = Integers;
  using Line = Integers;
  using Term = Integers;
  static constexpr int kRows = 4;
  static constexpr int kFactors = 4;
  static constexpr int kTerms = 1;
  static constexpr int kSums = 4;
  static constexpr int64_t kLineBytes = 16;
  static constexpr double kFlops = 2.0 * 8;
  static constexpr bool kHasFloatRows = false;
  static constexpr int kIntegerBytes = 2;
  static constexpr const char* kInstruction = "products of pairs of 16 bits, in vectors of 128 bits";
  static inline __attribute__((always_inline)) Integers load(const std::byte* from) {
    Integers line;
    __builtin_memcpy(&line, from, sizeof(line));
    return line;
  }
  static inline __attribute__((always_inline)) Integers term(Integers line, int) { return line; }
  static inline __attribute__((always_inline)) int32_t factor(const std::byte* from) {
    int32_t codes;
    __builtin_memcpy(&codes, from, sizeof(codes));
    return codes;
  }
  static inline __attribute__((always_inline)) Integers multiply_add(Integers sums, int32_t factor, Integers term) {
    const int32_t low = static_cast<int16_t>(factor & 0xffff);
    return sums + ((term << 16) >> 16) * low + (term >> 16) * (factor >> 16);
  }
  static inline __attribute__((always_inline)) void keep(int32_t& factor) { asm volatile("" : "+r"(factor)); }
  static inline __attribute__((always_inline)) Integers load_sums(const float* from) {
    Floats floats;
    __builtin_memcpy(&floats, from, sizeof(floats));
    return __builtin_convertvector(floats, Integers);
  }
  static inline __attribute__((always_inline)) void store_sums(Integers sums, float* to) {
    const Floats floats = __builtin_convertvector(sums, Floats);
    __builtin_memcpy(to, &floats, sizeof(floats));
  }
};

}  // namespace

MultiplyLoops portable_bf16_loops() {
  return loops_of<PortableBf16Step>();
}

MultiplyLoops portable_f32_loops() {
  return loops_of<PortableF32Step>();
}

MultiplyLoops portable_integer_loops() {
  return loops_of<PortablePairsStep>();
}

}  // namespace braid::bench
