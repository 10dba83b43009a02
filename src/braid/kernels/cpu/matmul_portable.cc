// The portable tier: multiplications and additions in any C++ compiler's vectors of 16 bytes, for every kind of
// processor. Each sum takes k = 1, 0, 3, 2, 5, 4, … (bfloat16; vdpbf16ps's order within a pair) or 0, 1, 2, …
// (float32). Tested by kernels/matmul_test.cc.
#include "braid/kernels/cpu/matmul_driver.h"
#include "braid/kernels/cpu/quantized_widening.h"

namespace braid::cpu {
namespace {

typedef float Floats __attribute__((vector_size(16)));
typedef uint32_t Words __attribute__((vector_size(16)));

constexpr int64_t kLanes = 4;
constexpr int64_t kVectors = 2;  // 8 columns at a time, which for 4 rows fit 16 registers

inline __attribute__((always_inline)) Words load_words(const std::byte* from) {
  Words words;
  __builtin_memcpy(&words, from, sizeof(words));
  return words;
}

// The weights of one step over k: `Depth` terms for each of the kVectors' columns, in the order in which they are
// added.
struct Bf16Step {
  static constexpr int kDepth = 2;
  static constexpr int64_t kBytesPerColumn = 4;
  static constexpr int64_t kTileCols = 16;
  static constexpr int64_t kStepBytes = 64;     // from one k-pair of a tile to the next
  static constexpr int64_t kTileSteps = 16;     // k-pairs of a tile
  static constexpr int64_t kBlockBytes = 2048;  // from one k-block to the next
  static constexpr int64_t kTileBytes = 1024;
  static inline __attribute__((always_inline)) Floats term(Words words, int index) {
    return index == 0 ? __builtin_bit_cast(Floats, words & 0xffff0000U) : __builtin_bit_cast(Floats, words << 16);
  }
  static constexpr int row_of(int index) { return 1 - index; }  // the step's k for this term
};

struct F32Step {
  static constexpr int kDepth = 1;
  static constexpr int64_t kBytesPerColumn = 4;
  static constexpr int64_t kTileCols = 32;
  static constexpr int64_t kStepBytes = 128;
  static constexpr int64_t kTileSteps = 1;
  static constexpr int64_t kBlockBytes = 128;
  static constexpr int64_t kTileBytes = 0;
  static inline __attribute__((always_inline)) Floats term(Words words, int) {
    return __builtin_bit_cast(Floats, words);
  }
  static constexpr int row_of(int) { return 0; }
};

template <typename Step, int kRows>
void multiply_rows(const float* a, const std::byte* w, int64_t steps, float* sums, bool resume) {
  for (int64_t column = 0; column < kPanelCols; column += kVectors * kLanes) {
    Floats c[kRows][kVectors];
    for (int row = 0; row < kRows; ++row) {
      for (int v = 0; v < kVectors; ++v) {
        c[row][v] = resume ? __builtin_bit_cast(Floats, load_words(reinterpret_cast<const std::byte*>(
                                                            sums + row * kPanelCols + column + v * kLanes)))
                           : Floats{};
      }
    }
    const std::byte* tile =
        w + column / Step::kTileCols * Step::kTileBytes + column % Step::kTileCols * Step::kBytesPerColumn;
    for (int64_t step = 0; step < steps; ++step) {
      const std::byte* words =
          tile + step / Step::kTileSteps * Step::kBlockBytes + step % Step::kTileSteps * Step::kStepBytes;
      for (int index = 0; index < Step::kDepth; ++index) {
        const float* a_row = a + (step * Step::kDepth + Step::row_of(index)) * kRows;
        for (int v = 0; v < kVectors; ++v) {
          const Floats term = Step::term(load_words(words + v * kLanes * Step::kBytesPerColumn), index);
          for (int row = 0; row < kRows; ++row) c[row][v] = c[row][v] + term * a_row[row];
        }
      }
    }
    for (int row = 0; row < kRows; ++row) {
      __builtin_memcpy(sums + row * kPanelCols + column, c[row], sizeof(c[row]));
    }
  }
}

template <typename Step, bool kIsBf16>
struct PortableKernel {
  static constexpr int64_t kBlockRows = 4;
  static constexpr int64_t kUnitK = kIsBf16 ? 32 : 16;
  static constexpr int64_t kPadK = kIsBf16 ? 32 : 1;
  static constexpr bool kIsOnePass = false;  // the columns in four parts, one after another
  static constexpr int64_t kPackedBytes = int64_t{384} << 10;
  static constexpr int64_t kShortUnits = 8;
  static constexpr int64_t kStretchUnits = 8;
  static constexpr int64_t kPairRows = 0;
  static constexpr int64_t kStreamRows = 0;

  explicit PortableKernel(int64_t) {}
  static int64_t packed_rows(int64_t rows) { return rows; }
  static constexpr int64_t row_bytes(int64_t k) { return k * 4; }
  static void pack(const RowSource& source, int64_t first, int64_t rows, int64_t k, std::byte* out) {
    pack_floats<kIsBf16>(source, first, rows, k, divide_up(k, kPadK) * kPadK, out);
  }
  void multiply(int64_t rows, const std::byte* a, const std::byte* w, int64_t k, float* sums, bool resume,
                const Prefetch&) const {
    const auto* floats = reinterpret_cast<const float*>(a);
    const int64_t steps = k / Step::kDepth;
    switch (rows) {
      case 1:
        return multiply_rows<Step, 1>(floats, w, steps, sums, resume);
      case 2:
        return multiply_rows<Step, 2>(floats, w, steps, sums, resume);
      case 3:
        return multiply_rows<Step, 3>(floats, w, steps, sums, resume);
      default:
        return multiply_rows<Step, 4>(floats, w, steps, sums, resume);
    }
  }
};

}  // namespace

FloatTiers portable_bf16() {
  using Kernel = PortableKernel<Bf16Step, true>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, Bf16Layout>()};
}

FloatTiers portable_f32() {
  using Kernel = PortableKernel<F32Step, false>;
  return {.plain = tier_of<Kernel>(), .widening = widening_tier_of<Kernel, F32Layout>()};
}

}  // namespace braid::cpu
