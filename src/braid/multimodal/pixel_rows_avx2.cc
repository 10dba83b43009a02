// The operations on rows of pixels for AVX2. Tested by resize_test.cc.
//
// vpmaddwd multiplies 16-bit numbers and adds neighbouring products, so two taps are taken at a time: their bytes lie
// beside each other, widened to 16 bits, and so do their weights. The compiler does not find this by itself: 1120 x 700
// to 1120 x 704 takes 1.1 ms (Zen 5), and 8 ms with the portable loops.
#include <immintrin.h>

#include "braid/multimodal/pixel_rows.h"

namespace braid {
namespace {

constexpr int kTapsAtOnce = 4;
static_assert(RowTaps::kStrideMultiple % kTapsAtOnce == 0);
static_assert(PixelRows::kPadding >= 3 * (kTapsAtOnce - 1) + 16 - 3 * kTapsAtOnce);

__m128i load_128(const uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// Four taps of one output: taps 0 and 1 in the lower half of a vector, 2 and 3 in the upper one; in each the pairs of
// red, green and blue. Weights behind an output's last tap are zero.
void resize_row_avx2(const uint8_t* in, const RowTaps& taps, uint8_t* out) {
  const __m256i pairs = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const __m256i weight_pairs = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,  //
                                                4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  const __m128i half = _mm_set1_epi32((1 << taps.shift) >> 1);
  const __m128i shift = _mm_cvtsi32_si128(taps.shift);
  const int16_t* weights = taps.weights;
  for (int64_t i = 0; i < taps.num_outputs; ++i, weights += taps.stride, out += 3) {
    const uint8_t* pixel = in + 3 * int64_t{taps.first[i]};
    __m256i sums = _mm256_setzero_si256();
    for (int32_t k = 0; k < taps.count[i]; k += kTapsAtOnce, pixel += 3 * kTapsAtOnce) {
      int64_t four_weights;
      __builtin_memcpy(&four_weights, weights + k, sizeof(four_weights));
      const __m256i values = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load_128(pixel)), pairs);
      const __m256i factors = _mm256_shuffle_epi8(_mm256_set1_epi64x(four_weights), weight_pairs);
      sums = _mm256_add_epi32(sums, _mm256_madd_epi16(values, factors));
    }
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_sra_epi32(_mm_add_epi32(sum, half), shift);
    sum = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);  // clamped to 16 bits, then to bytes
    const int32_t result = _mm_cvtsi128_si32(sum);
    __builtin_memcpy(out, &result, sizeof(result));  // the fourth byte is overwritten, or is padding
  }
}

// Sixteen outputs, from two rows at a time.
void blend_stretch(const uint8_t* const* rows, const int16_t* weights, int32_t num_rows, __m128i shift, __m256i half,
                   int64_t offset, uint8_t* out) {
  __m256i low = half;
  __m256i high = half;
  for (int32_t k = 0; k < num_rows; k += 2) {
    int32_t two_weights;
    __builtin_memcpy(&two_weights, weights + k, sizeof(two_weights));  // the second is zero behind the last row
    const __m256i factors = _mm256_set1_epi32(two_weights);
    const __m128i first = load_128(rows[k] + offset);
    const __m128i second = load_128(rows[k + 1 < num_rows ? k + 1 : k] + offset);
    const __m256i low_pairs = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(first, second));
    const __m256i high_pairs = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(first, second));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(low_pairs, factors));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(high_pairs, factors));
  }
  const __m256i words = _mm256_packs_epi32(_mm256_sra_epi32(low, shift), _mm256_sra_epi32(high, shift));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);  // packs works on halves
  const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out + offset), bytes);
}

void blend_rows_avx2(const uint8_t* const* rows, const int16_t* weights, int32_t num_rows, int32_t shift,
                     int64_t num_bytes, uint8_t* out) {
  constexpr int64_t kStretch = 16;
  const __m128i count = _mm_cvtsi32_si128(shift);
  const __m256i half = _mm256_set1_epi32((1 << shift) >> 1);
  int64_t i = 0;
  for (; i + kStretch <= num_bytes; i += kStretch) blend_stretch(rows, weights, num_rows, count, half, i, out);
  if (i == num_bytes) return;
  if (num_bytes >= kStretch) {  // some bytes a second time
    blend_stretch(rows, weights, num_rows, count, half, num_bytes - kStretch, out);
    return;
  }
  for (; i < num_bytes; ++i) {
    int32_t sum = (1 << shift) >> 1;
    for (int32_t k = 0; k < num_rows; ++k) sum += rows[k][i] * weights[k];
    sum >>= shift;
    out[i] = static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  }
}

// Sixteen pixels are three vectors; each channel takes some bytes of all three.
void split_channels_avx2(const uint8_t* rgb, int64_t num_pixels, uint8_t* red, uint8_t* green, uint8_t* blue) {
  constexpr int64_t kPixels = 16;
  uint8_t* const channels[3] = {red, green, blue};
  __m128i picks[3][3];  // [channel][vector]
  for (int c = 0; c < 3; ++c) {
    for (int v = 0; v < 3; ++v) {
      alignas(16) int8_t pick[16];
      for (int i = 0; i < 16; ++i) {
        const int from = 3 * i + c - 16 * v;
        pick[i] = static_cast<int8_t>(from >= 0 && from < 16 ? from : -1);
      }
      picks[c][v] = _mm_load_si128(reinterpret_cast<const __m128i*>(pick));
    }
  }
  int64_t i = 0;
  for (; i + kPixels <= num_pixels; i += kPixels) {
    const __m128i first = load_128(rgb + 3 * i);
    const __m128i second = load_128(rgb + 3 * i + 16);
    const __m128i third = load_128(rgb + 3 * i + 32);
    for (int c = 0; c < 3; ++c) {
      const __m128i picked =
          _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(first, picks[c][0]), _mm_shuffle_epi8(second, picks[c][1])),
                       _mm_shuffle_epi8(third, picks[c][2]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(channels[c] + i), picked);
    }
  }
  for (; i < num_pixels; ++i) {
    for (int c = 0; c < 3; ++c) channels[c][i] = rgb[3 * i + c];
  }
}

}  // namespace

const PixelRows& pixel_rows_avx2() {
  static constexpr PixelRows kRows = {
      .resize_row = resize_row_avx2, .blend_rows = blend_rows_avx2, .split_channels = split_channels_avx2};
  return kRows;
}

}  // namespace braid
