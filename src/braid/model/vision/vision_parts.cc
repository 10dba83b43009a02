#include "braid/model/vision/vision_parts.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "braid/model/layers/gate_up.h"

namespace braid {
namespace {

std::string joined(std::span<const std::string> names, std::string_view suffix) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
    text += suffix;
  }
  return text;
}

// From the products' float32 sums to the input of the next product. In float32 `to` may be `from`.
void activate(Ops& ops, VisionActivation activation, ConstRows from, Rows to) {
  CHECK(activation != VisionActivation::kSilu, "a gate's function is the product's own");
  ops.gelu(from, activation == VisionActivation::kGelu ? GeluKind::kErf : GeluKind::kTanh, to);
}

}  // namespace

void VisionLinearTensors::append_to(WeightTable& table) const {
  for (const std::string& name : names) {
    table.push_back({.name = name + std::string(suffix),
                     .shape = {outputs.value, inputs.value},
                     .sizes = outputs.name + ", " + inputs.name});
    if (has_bias) table.push_back({.name = name + ".bias", .shape = {outputs.value}, .sizes = outputs.name});
  }
}

void VisionNormTensors::append_to(WeightTable& table) const {
  table.push_back({.name = name + ".weight", .shape = {size.value}, .sizes = size.name});
  if (has_bias) table.push_back({.name = name + ".bias", .shape = {size.value}, .sizes = size.name});
}

void VisionBlockTensors::append_to(WeightTable& table) const {
  attention_norm.append_to(table);
  qkv.append_to(table);
  output.append_to(table);
  ffn_norm.append_to(table);
  up.append_to(table);
  down.append_to(table);
}

Result<VisionLinear> VisionLinear::load(const WeightLoader& weights, const VisionLinearTensors& tensors, DType dtype) {
  VisionLinear made;
  std::vector<std::string> names;
  for (const std::string& name : tensors.names) names.push_back(name + std::string(tensors.suffix));
  const MatrixCut whole{.rows = std::vector<IndexRange>(names.size(), kWhole)};
  auto packed = tensors.is_gated ? weights.gate_ups(names.front(), names.back(), {&whole, 1}, dtype)
                                 : weights.matrices(names, {&whole, 1}, dtype);
  if (!packed.ok()) return packed.error();
  made.matrix_ = std::move(packed->front());
  made.weight_names_ = joined(tensors.names, tensors.suffix);
  if (!tensors.has_bias) return made;
  std::vector<std::vector<float>> biases;
  for (const std::string& name : tensors.names) {
    TRY(biases.emplace_back(), weights.vector(name + ".bias"));
  }
  if (tensors.is_gated) {
    made.bias_ = interleave_gate_up(biases.front(), biases.back());
  } else {
    for (const std::vector<float>& bias : biases) made.bias_.insert(made.bias_.end(), bias.begin(), bias.end());
  }
  made.bias_names_ = joined(tensors.names, ".bias");
  return made;
}

void VisionLinear::list_weights(WeightList& list) const {
  list.add(weight_names_, matrix_);
  list.add(bias_names_, bias_);
}

Result<VisionNorm> VisionNorm::load(const WeightLoader& weights, const VisionNormTensors& tensors, float eps,
                                    float offset) {
  VisionNorm made;
  TRY(made.weight_, weights.vector(tensors.name + ".weight"));
  for (float& value : made.weight_) value += offset;
  if (tensors.has_bias) {
    TRY(made.bias_, weights.vector(tensors.name + ".bias"));
  }
  made.eps_ = eps;
  made.name_ = tensors.name;
  return made;
}

void VisionNorm::operator()(Ops& ops, ConstRows x, Rows y) const {
  if (bias_.empty()) {
    ops.rms_norm(x, weight_, eps_, y);
  } else {
    ops.layer_norm(x, weight_, bias_, eps_, y);
  }
}

void VisionNorm::list_weights(WeightList& list) const {
  list.add(name_ + ".weight", weight_);
  list.add(name_ + ".bias", bias_);
}

Result<VisionBlock> VisionBlock::load(const WeightLoader& weights, const VisionBlockTensors& tensors,
                                      const VisionConfig& config, DType dtype) {
  VisionBlock block;
  TRY(block.attention_norm_, VisionNorm::load(weights, tensors.attention_norm, config.norm_eps));
  TRY(block.qkv_, VisionLinear::load(weights, tensors.qkv, dtype));
  TRY(block.output_, VisionLinear::load(weights, tensors.output, dtype));
  TRY(block.ffn_norm_, VisionNorm::load(weights, tensors.ffn_norm, config.norm_eps));
  TRY(block.up_, VisionLinear::load(weights, tensors.up, dtype));
  TRY(block.down_, VisionLinear::load(weights, tensors.down, dtype));
  block.activation_ = config.activation;
  block.num_heads_ = config.num_heads;
  return block;
}

void VisionBlock::operator()(Ops& ops, VisionScratch& scratch, const VisionSegments& segments,
                             const VisionAngles* angles, Rows x) const {
  attend(ops, scratch, segments, angles, x);
  feed_forward(ops, scratch, x);
}

void VisionBlock::attend(Ops& ops, VisionScratch& scratch, const VisionSegments& segments, const VisionAngles* angles,
                         Rows x) const {
  const Rows normed = scratch.normed.first(x.rows);
  attention_norm_(ops, x, normed);
  const Rows qkv = scratch.qkv.first(x.rows);
  qkv_(ops, normed, qkv);
  const int64_t hidden = x.cols;
  if (angles != nullptr) {
    ops.rope(qkv.slice_cols(0, 2 * hidden), scratch.head_dim, angles->rows, angles->cos.first(x.rows),
             angles->sin.first(x.rows));
  }
  const KvLayer layer = scratch.kv_layer(segments.page_size());
  ops.write_kv(qkv.slice_cols(hidden, hidden), qkv.slice_cols(2 * hidden, hidden), segments.sequences(), layer);
  const AttentionParams params{.num_heads = num_heads_,
                               .scale = 1.0F / std::sqrt(static_cast<float>(scratch.head_dim))};
  ops.paged_attention(qkv.slice_cols(0, hidden), segments.sequences(), layer, params, normed);
  output_(ops, normed, x, Epilogue::Kind::kAdd);
}

void VisionBlock::feed_forward(Ops& ops, VisionScratch& scratch, Rows x) const {
  const Rows normed = scratch.normed.first(x.rows);
  ffn_norm_(ops, x, normed);
  feed_forward_in_stretches(ops, scratch, normed, up_, activation_, down_, Epilogue::Kind::kAdd, x);
}

void VisionBlock::list_weights(WeightList& list) const {
  attention_norm_.list_weights(list);
  qkv_.list_weights(list);
  output_.list_weights(list);
  ffn_norm_.list_weights(list);
  up_.list_weights(list);
  down_.list_weights(list);
}

Result<VisionMerger> VisionMerger::load(const WeightLoader& weights, const VisionLinearTensors& fc1,
                                        const VisionLinearTensors& fc2, DType dtype) {
  VisionMerger merger;
  TRY(merger.fc1_, VisionLinear::load(weights, fc1, dtype));
  TRY(merger.fc2_, VisionLinear::load(weights, fc2, dtype));
  return merger;
}

void VisionMerger::operator()(Ops& ops, VisionScratch& scratch, ConstRows x, Rows y) const {
  feed_forward_in_stretches(ops, scratch, x, fc1_, VisionActivation::kGelu, fc2_, Epilogue::Kind::kStore, y);
}

void VisionMerger::list_weights(WeightList& list) const {
  fc1_.list_weights(list);
  fc2_.list_weights(list);
}

void feed_forward_in_stretches(Ops& ops, VisionScratch& scratch, ConstRows x, const VisionLinear& up,
                               VisionActivation activation, const VisionLinear& down, Epilogue::Kind kind, Rows z) {
  for (int64_t first = 0; first < x.rows; first += VisionScratch::kStretch) {
    const int64_t count = std::min(VisionScratch::kStretch, x.rows - first);
    const Rows inner = scratch.stretch.first(count).slice_cols(0, down.inputs());
    if (activation == VisionActivation::kSilu) {
      up(ops, x.slice_rows(first, count), inner, Epilogue::Kind::kSiluMul);
    } else {
      const Rows sums = scratch.stretch_sums.first(count).slice_cols(0, down.inputs());
      up(ops, x.slice_rows(first, count), sums);
      activate(ops, activation, sums, inner);
    }
    down(ops, inner, z.slice_rows(first, count), kind);
  }
}

}  // namespace braid
