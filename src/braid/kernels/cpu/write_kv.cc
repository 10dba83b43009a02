#include "braid/kernels/cpu/write_kv.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "braid/kernels/cpu/split_rows.h"
#include "braid/kernels/kv_layout.h"

namespace braid::cpu {
namespace {

constexpr int64_t kTokens = KvLayer::kKeyVectorTokens;

// New tokens of one strip, starting at `slot`. `source` is row-major with `stride` elements per token. Element is
// uint16_t (the bits of a bfloat16), float, or uint8_t (a code).
template <typename Element>
struct StripPart {
  const Element* source;
  int64_t stride;
  int64_t slot;
  int64_t count;
  int64_t head_dim;
};

// float32 keys and codes: [head_dim][16]. bfloat16 keys: pairs of dimensions as one 32-bit word, [head_dim / 2][16].
template <typename Word, typename Element>
void write_keys(const StripPart<Element>& part, std::byte* strip) {
  constexpr int64_t kPerWord = sizeof(Word) / sizeof(Element);
  Word* words = reinterpret_cast<Word*>(strip) + part.slot;
  for (int64_t i = 0; i < part.head_dim / kPerWord; ++i) {
    for (int64_t token = 0; token < part.count; ++token) {
      std::memcpy(words + i * kTokens + token, part.source + token * part.stride + i * kPerWord, sizeof(Word));
    }
  }
}

// float32 values and codes: [16][head_dim].
template <typename Element>
void write_values(const StripPart<Element>& part, std::byte* strip) {
  Element* rows = reinterpret_cast<Element*>(strip) + part.slot * part.head_dim;
  for (int64_t token = 0; token < part.count; ++token) {
    std::copy_n(part.source + token * part.stride, part.head_dim, rows + token * part.head_dim);
  }
}

// bfloat16 values: [8 token pairs][head_dim][2]; whole pairs together, single tokens at the ends alone.
void write_values(const StripPart<uint16_t>& part, std::byte* strip) {
  auto* pairs = reinterpret_cast<uint16_t*>(strip);
  int64_t token = 0;
  while (token < part.count) {
    const int64_t slot = part.slot + token;
    const uint16_t* first = part.source + token * part.stride;
    uint16_t* pair = pairs + slot / 2 * part.head_dim * 2;
    if (slot % 2 == 0 && token + 1 < part.count) {
      const uint16_t* second = first + part.stride;
      for (int64_t dim = 0; dim < part.head_dim; ++dim) {
        pair[dim * 2] = first[dim];
        pair[dim * 2 + 1] = second[dim];
      }
      token += 2;
    } else {
      for (int64_t dim = 0; dim < part.head_dim; ++dim) pair[dim * 2 + slot % 2] = first[dim];
      token += 1;
    }
  }
}

// The new tokens of one sequence that fall into one strip of 16 tokens: no two threads may share a strip.
struct Work {
  const AttentionSequence* sequence;
  int32_t first;  // among the new tokens
  int32_t count;
};

std::vector<Work> split_into_strips(std::span<const AttentionSequence> sequences) {
  std::vector<Work> works;
  for (const AttentionSequence& sequence : sequences) {
    for (int32_t first = 0; first < sequence.num_new;) {
      const auto room = static_cast<int32_t>(kTokens - (sequence.first_position + first) % kTokens);
      const int32_t count = std::min(room, sequence.num_new - first);
      works.push_back({.sequence = &sequence, .first = first, .count = count});
      first += count;
    }
  }
  return works;
}

template <typename Element>
struct Source {
  const Element* first_row;
  int64_t stride;
};

// With codes, the scales of a strip's tokens, [tokens of the work][num_kv_heads]; else null.
struct StripScales {
  const BFloat16* keys = nullptr;
  const BFloat16* values = nullptr;
};

void write_scales(const BFloat16* scales, int64_t num_heads, int64_t slot, int64_t count, std::byte* strip) {
  auto* to = reinterpret_cast<BFloat16*>(strip) + slot;
  for (int64_t token = 0; token < count; ++token) to[token] = scales[token * num_heads];
}

template <typename Word, typename Element>
void write_heads(const KvLayer& layer, const Work& work, Source<Element> keys, Source<Element> values,
                 const StripScales& scales = {}) {
  const KvSlot where = kv_slot(layer, work.sequence->pages, work.sequence->first_position + work.first);
  const int64_t num_heads = layer.num_kv_heads;
  for (int64_t head = 0; head < num_heads; ++head) {
    std::byte* const key_strip = layer.keys + kv_strip_offset(layer, where, head);
    std::byte* const value_strip = layer.values + kv_strip_offset(layer, where, head);
    StripPart<Element> part = {.source = keys.first_row + head * layer.head_dim,
                               .stride = keys.stride,
                               .slot = where.slot % kTokens,
                               .count = work.count,
                               .head_dim = layer.head_dim};
    if (part.slot == 0 && part.count < kTokens) {
      std::memset(key_strip, 0, static_cast<size_t>(layer.strip_bytes()));
      std::memset(value_strip, 0, static_cast<size_t>(layer.strip_bytes()));
    }
    if (scales.keys != nullptr) {
      write_scales(scales.keys + head, num_heads, part.slot, part.count, key_strip);
      write_scales(scales.values + head, num_heads, part.slot, part.count, value_strip);
    }
    write_keys<Word>(part, key_strip + scales_of_strip(layer));
    part.source = values.first_row + head * layer.head_dim;
    part.stride = values.stride;
    write_values(part, value_strip + scales_of_strip(layer));
  }
}

// A row of a token: its heads' codes, and their scales.
void encode_row(const RowKernels& rows, const KvLayer& layer, float fixed_scale, const float* row, uint8_t* codes,
                BFloat16* scales) {
  const float largest_code = largest_kv_code(layer.codes);
  for (int64_t head = 0; head < layer.num_kv_heads; ++head) {
    const float* from = row + head * layer.head_dim;
    uint8_t* to = codes + head * layer.head_dim;
    const uint32_t largest = rows.largest_bits(from, layer.head_dim);
    scales[head] = kv_scale(largest, largest_code, fixed_scale);
    if (std::isnan(to_float(scales[head]))) {
      std::fill_n(to, layer.head_dim, uint8_t{0});
    } else {
      (layer.codes == KvCodes::kInt8 ? rows.to_int8 : rows.to_e4m3)(from, 1.0F / to_float(scales[head]), layer.head_dim,
                                                                    to);
    }
  }
}

// Memory for one work's rounded rows, of keys and of values.
struct RoundedRows {
  std::vector<BFloat16> elements;
  std::vector<uint8_t> codes;
  std::vector<BFloat16> scales;

  RoundedRows(const KvLayer& layer, int64_t num_tokens) {
    const auto num_heads = static_cast<size_t>(2 * num_tokens * layer.num_kv_heads);
    const size_t num_elements = num_heads * static_cast<size_t>(layer.head_dim);
    if (layer.codes != KvCodes::kNone) {
      codes.resize(num_elements);
      scales.resize(num_heads);
    } else if (layer.dtype == DType::kBFloat16) {
      elements.resize(num_elements);
    }
  }
};

void write_codes(const RowKernels& rows, const KvLayer& layer, const Work& work, ConstRows k, ConstRows v,
                 RoundedRows& rounded) {
  const int64_t num_heads = layer.num_kv_heads;
  const int64_t width = num_heads * layer.head_dim;
  uint8_t* const keys = rounded.codes.data();
  uint8_t* const values = keys + work.count * width;
  BFloat16* const key_scales = rounded.scales.data();
  BFloat16* const value_scales = key_scales + work.count * num_heads;
  const int64_t first_row = work.sequence->first_row + work.first;
  for (int64_t token = 0; token < work.count; ++token) {
    encode_row(rows, layer, layer.key_scale, k.row<float>(first_row + token), keys + token * width,
               key_scales + token * num_heads);
    encode_row(rows, layer, layer.value_scale, v.row<float>(first_row + token), values + token * width,
               value_scales + token * num_heads);
  }
  write_heads<uint8_t, uint8_t>(layer, work, {keys, width}, {values, width},
                                {.keys = key_scales, .values = value_scales});
}

}  // namespace

void write_kv(const RowKernels& rows, ThreadTeam& team, ConstRows k, ConstRows v,
              std::span<const AttentionSequence> sequences, const KvLayer& layer) {
  const int64_t width = int64_t{layer.num_kv_heads} * layer.head_dim;
  CHECK(k.dtype == DType::kFloat32 && v.dtype == DType::kFloat32 && k.cols == width && v.cols == width);
  CHECK(layer.page_size % kTokens == 0 && layer.head_dim % 2 == 0);
  const std::vector<Work> works = split_into_strips(sequences);
  const int64_t most_tokens = works.empty() ? 0 : std::ranges::max(works, {}, &Work::count).count;
  split_rows(team, static_cast<int64_t>(works.size()), 2 * width, [&](int64_t begin, int64_t end) {
    // A decode step brings one token per sequence. Whole strips would be 64 KB, which the heap would take from the
    // system and return to it in every layer.
    RoundedRows rounded(layer, most_tokens);
    for (int64_t i = begin; i < end; ++i) {
      const Work& work = works[static_cast<size_t>(i)];
      const int64_t first_row = work.sequence->first_row + work.first;
      if (layer.codes != KvCodes::kNone) {
        write_codes(rows, layer, work, k, v, rounded);
        continue;
      }
      if (layer.dtype == DType::kFloat32) {
        write_heads<float, float>(layer, work, {k.row<float>(first_row), k.stride},
                                  {v.row<float>(first_row), v.stride});
        continue;
      }
      BFloat16* keys = rounded.elements.data();
      BFloat16* values = keys + most_tokens * width;
      for (int64_t token = 0; token < work.count; ++token) {
        rows.to_bfloat16(k.row<float>(first_row + token), width, keys + token * width);
        rows.to_bfloat16(v.row<float>(first_row + token), width, values + token * width);
      }
      write_heads<uint32_t, uint16_t>(layer, work, {&keys->bits, width}, {&values->bits, width});
    }
  });
}

}  // namespace braid::cpu
