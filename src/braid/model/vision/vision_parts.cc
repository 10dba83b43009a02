#include "braid/model/vision/vision_parts.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace braid {
namespace {

// From the products' float32 sums to the input of the next product. In float32 `to` may be `from`.
void activate(Ops& ops, VisionActivation activation, ConstRows from, Rows to) {
  CHECK(activation != VisionActivation::kSilu, "a gate's function is the product's own");
  ops.gelu(from, activation == VisionActivation::kGelu ? GeluKind::kErf : GeluKind::kTanh, to);
}

}  // namespace

void VisionBlockTensors::append_to(WeightTable& table) const {
  attention_norm.append_to(table);
  qkv.append_to(table);
  output.append_to(table);
  ffn_norm.append_to(table);
  up.append_to(table);
  down.append_to(table);
}

Result<VisionBlock> VisionBlock::load(const WeightLoader& weights, const VisionBlockTensors& tensors,
                                      const VisionConfig& config, DType dtype, const VisionShard& shard) {
  VisionBlock block;
  TRY(block.attention_norm_, VisionNorm::load(weights, tensors.attention_norm, config.norm_eps));
  TRY(block.qkv_, VisionLinear::load(weights, tensors.qkv, dtype, shard));
  TRY(block.output_, VisionSum::load(weights, tensors.output, dtype, shard));
  TRY(block.ffn_norm_, VisionNorm::load(weights, tensors.ffn_norm, config.norm_eps));
  TRY(block.up_, VisionLinear::load(weights, tensors.up, dtype, shard));
  TRY(block.down_, VisionSum::load(weights, tensors.down, dtype, shard));
  block.activation_ = config.activation;
  return block;
}

void VisionBlock::operator()(const VisionStep& step, const VisionSegments& segments, const VisionAngles* angles,
                             Rows x) const {
  attend(step, segments, angles, x);
  feed_forward(step, x);
}

void VisionBlock::attend(const VisionStep& step, const VisionSegments& segments, const VisionAngles* angles,
                         Rows x) const {
  Ops& ops = step.ops;
  const VisionScratch& scratch = step.scratch;
  const Rows normed = scratch.normed.first(x.rows);
  attention_norm_(ops, step.own_patches(x), step.own_patches(normed));
  step.gather_patches(normed);
  const Rows qkv = scratch.qkv.first(x.rows);
  qkv_(ops, normed, qkv);
  const int64_t width = output_.own_inputs();  // of the own heads
  if (angles != nullptr) {
    ops.rope(qkv.slice_cols(0, 2 * width), scratch.head_dim, angles->rows, angles->cos.first(x.rows),
             angles->sin.first(x.rows));
  }
  const KvLayer layer = scratch.kv_layer(segments.page_size());
  ops.write_kv(qkv.slice_cols(width, width), qkv.slice_cols(2 * width, width), segments.sequences(), layer);
  const AttentionParams params{.num_heads = scratch.num_heads,
                               .scale = 1.0F / std::sqrt(static_cast<float>(scratch.head_dim))};
  const Rows attended = normed.slice_cols(0, width);
  ops.paged_attention(qkv.slice_cols(0, width), segments.sequences(), layer, params, attended);
  output_.multiply(step, attended, 0, x, Epilogue::Kind::kAdd);
  output_.finish(step, x, step.square, Epilogue::Kind::kAdd);
}

void VisionBlock::feed_forward(const VisionStep& step, Rows x) const {
  const Rows normed = step.scratch.normed.first(x.rows);
  ffn_norm_(step.ops, step.own_patches(x), step.own_patches(normed));
  step.gather_patches(normed);
  feed_forward_in_stretches(step, normed, up_, activation_, down_, Epilogue::Kind::kAdd, x);
  down_.finish(step, x, step.square, Epilogue::Kind::kAdd);
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
                                        const VisionLinearTensors& fc2, DType dtype, const VisionShard& shard) {
  VisionMerger merger;
  TRY(merger.fc1_, VisionLinear::load(weights, fc1, dtype, shard));
  TRY(merger.fc2_, VisionSum::load(weights, fc2, dtype, shard));
  return merger;
}

void VisionMerger::operator()(const VisionStep& step, ConstRows x, Rows y) const {
  feed_forward_in_stretches(step, x, fc1_, VisionActivation::kGelu, fc2_, Epilogue::Kind::kStore, y);
  fc2_.finish(step, y, 1, Epilogue::Kind::kStore);
  step.gather(y, 1);
}

void VisionMerger::list_weights(WeightList& list) const {
  fc1_.list_weights(list);
  fc2_.list_weights(list);
}

void feed_forward_in_stretches(const VisionStep& step, ConstRows x, const VisionLinear& up, VisionActivation activation,
                               const VisionSum& down, Epilogue::Kind kind, Rows z) {
  for (int64_t first = 0; first < x.rows; first += VisionScratch::kStretch) {
    const int64_t count = std::min(VisionScratch::kStretch, x.rows - first);
    const Rows inner = step.scratch.stretch.first(count).slice_cols(0, down.own_inputs());
    if (activation == VisionActivation::kSilu) {
      up(step.ops, x.slice_rows(first, count), inner, Epilogue::Kind::kSiluMul);
    } else {
      const Rows sums = step.scratch.stretch_sums.first(count).slice_cols(0, down.own_inputs());
      up(step.ops, x.slice_rows(first, count), sums);
      activate(step.ops, activation, sums, inner);
    }
    down.multiply(step, inner, first, z, kind);
  }
}

}  // namespace braid
