// RefOps' attention, and its writes of keys and values. Tested by kernels/ref_ops_test.cc, kernels/write_kv_test.cc and
// kernels/paged_attention_test.cc.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "braid/kernels/kv_layout.h"
#include "braid/kernels/ref/ref_ops.h"

namespace braid::ref {
namespace {

void write_element(const KvLayer& layer, std::byte* elements, int64_t element, float value) {
  if (layer.dtype == DType::kFloat32) {
    reinterpret_cast<float*>(elements)[element] = value;
  } else {
    reinterpret_cast<BFloat16*>(elements)[element] = to_bfloat16(value);
  }
}

// The definition of codes: an element times the inverse of its head's scale, rounded.
void write_code(const KvLayer& layer, std::byte* elements, int64_t element, float value, BFloat16 scale) {
  if (std::isnan(to_float(scale))) {
    elements[element] = std::byte{0};
    return;
  }
  const float code = value * (1.0F / to_float(scale));
  elements[element] = layer.codes == KvCodes::kInt8 ? static_cast<std::byte>(static_cast<int8_t>(std::nearbyint(code)))
                                                    : std::byte{to_e4m3(code)};
}

void write_token(const KvLayer& layer, std::byte* strip, int64_t token,
                 int64_t (*in_strip)(const KvLayer&, int64_t, int64_t), float fixed_scale, const float* source) {
  if (token == 0) std::fill_n(strip, layer.strip_bytes(), std::byte{0});
  std::byte* elements = strip + scales_of_strip(layer);
  BFloat16 scale;
  if (layer.codes != KvCodes::kNone) {
    uint32_t largest = 0;
    for (int64_t dim = 0; dim < layer.head_dim; ++dim) {
      largest = std::max(largest, std::bit_cast<uint32_t>(source[dim]) & 0x7fffffffU);
    }
    scale = kv_scale(largest, largest_kv_code(layer.codes), fixed_scale);
    reinterpret_cast<BFloat16*>(strip)[token] = scale;
  }
  for (int64_t dim = 0; dim < layer.head_dim; ++dim) {
    const int64_t element = in_strip(layer, token, dim);
    if (layer.codes == KvCodes::kNone) {
      write_element(layer, elements, element, source[dim]);
    } else {
      write_code(layer, elements, element, source[dim], scale);
    }
  }
}

// q is one head of one row. One softmax over all visible keys: in double, splitting into KV tiles would change nothing.
void attend(const KvLayer& layer, const AttentionSequence& sequence, const AttentionParams& params, int64_t head,
            int64_t position, const float* q, Rows out, int64_t out_row) {
  const int64_t kv_head = head / (params.num_heads / layer.num_kv_heads);
  const int64_t begin = first_visible(params, position);
  const int64_t end = end_visible(sequence, position);
  std::vector<double> scores;
  for (int64_t p = begin; p < end; ++p) {
    const KvSlot slot = kv_slot(layer, sequence.pages, p);
    const std::byte* strip = layer.keys + kv_strip_offset(layer, slot, kv_head);
    const int64_t token = slot.slot % KvLayer::kKeyVectorTokens;
    double dot = 0;
    for (int64_t dim = 0; dim < layer.head_dim; ++dim) {
      const float query = layer.dtype == DType::kBFloat16 ? to_float(to_bfloat16(q[dim])) : q[dim];
      const float key = kv_load(layer, strip, token, key_in_strip(layer, token, dim));
      dot += static_cast<double>(query) * key;
    }
    const double score = dot * params.scale;
    scores.push_back(params.soft_cap > 0 ? params.soft_cap * std::tanh(score / params.soft_cap) : score);
  }
  const double sink = params.sinks.empty() ? -std::numeric_limits<double>::infinity()
                                           : static_cast<double>(params.sinks[static_cast<size_t>(head)]);
  const double max = std::max(sink, *std::max_element(scores.begin(), scores.end()));
  double sum = std::exp(sink - max);
  for (double& score : scores) sum += score = std::exp(score - max);

  for (int64_t dim = 0; dim < layer.head_dim; ++dim) {
    double total = 0;
    for (int64_t p = begin; p < end; ++p) {
      const KvSlot slot = kv_slot(layer, sequence.pages, p);
      const std::byte* strip = layer.values + kv_strip_offset(layer, slot, kv_head);
      const int64_t token = slot.slot % KvLayer::kKeyVectorTokens;
      const float value = kv_load(layer, strip, token, value_in_strip(layer, token, dim));
      total += scores[static_cast<size_t>(p - begin)] * value;
    }
    store(out, out_row, head * layer.head_dim + dim, total / sum);
  }
}

}  // namespace

void RefOps::write_kv(ConstRows k, ConstRows v, std::span<const AttentionSequence> sequences, const KvLayer& layer) {
  for (const AttentionSequence& sequence : sequences) {
    for (int32_t i = 0; i < sequence.num_new; ++i) {
      const KvSlot slot = kv_slot(layer, sequence.pages, sequence.first_position + i);
      const int64_t token = slot.slot % KvLayer::kKeyVectorTokens;
      for (int64_t head = 0; head < layer.num_kv_heads; ++head) {
        const int64_t strip = kv_strip_offset(layer, slot, head);
        const float* key = k.row<float>(sequence.first_row + i) + head * layer.head_dim;
        const float* value = v.row<float>(sequence.first_row + i) + head * layer.head_dim;
        write_token(layer, layer.keys + strip, token, key_in_strip, layer.key_scale, key);
        write_token(layer, layer.values + strip, token, value_in_strip, layer.value_scale, value);
      }
    }
  }
}

void RefOps::paged_attention(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                             const AttentionParams& params, Rows out) {
  for (const AttentionSequence& sequence : sequences) {
    for (int32_t i = 0; i < sequence.num_new; ++i) {
      const int64_t row = sequence.first_row + i;
      for (int64_t head = 0; head < params.num_heads; ++head) {
        attend(layer, sequence, params, head, sequence.first_position + i, q.row<float>(row) + head * layer.head_dim,
               out, row);
      }
    }
  }
}

}  // namespace braid::ref
