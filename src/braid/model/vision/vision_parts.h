// The parts that vision towers are made of, each with the tensors that it is loaded from: blocks of attention and
// feed-forward, and mergers. Tested by vision_tower_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/config/vision_config.h"
#include "braid/model/vision/vision_linear.h"
#include "braid/model/vision/vision_scratch.h"
#include "braid/model/vision/vision_step.h"

namespace braid {

struct VisionBlockTensors {
  VisionNormTensors attention_norm;
  VisionLinearTensors qkv;
  VisionLinearTensors output;
  VisionNormTensors ffn_norm;
  VisionLinearTensors up;  // gated: gate and up
  VisionLinearTensors down;

  void append_to(WeightTable& table) const;
};

// x += attention(norm(x)); x += down(act(up(norm(x)))), on all patches of one image: with the heads and the part of the
// inner size that the shard has.
class VisionBlock {
 public:
  static Result<VisionBlock> load(const WeightLoader& weights, const VisionBlockTensors& tensors,
                                  const VisionConfig& config, DType dtype, const VisionShard& shard);

  // x: the residual, [patches, hidden] float32, of which the process's own rows count. Each of `segments` sees itself
  // alone.
  void operator()(const VisionStep& step, const VisionSegments& segments, const VisionAngles* angles, Rows x) const;

  void list_weights(WeightList& list) const;

 private:
  void attend(const VisionStep& step, const VisionSegments& segments, const VisionAngles* angles, Rows x) const;
  void feed_forward(const VisionStep& step, Rows x) const;

  VisionNorm attention_norm_;
  VisionLinear qkv_;
  VisionSum output_;
  VisionNorm ffn_norm_;
  VisionLinear up_;
  VisionSum down_;
  VisionActivation activation_ = VisionActivation::kGeluTanh;
};

// fc2(gelu(fc1(x))), as a tower's merger and each deepstack merger have it.
class VisionMerger {
 public:
  static Result<VisionMerger> load(const WeightLoader& weights, const VisionLinearTensors& fc1,
                                   const VisionLinearTensors& fc2, DType dtype, const VisionShard& shard);

  // x: [tokens, inputs] in the compute dtype; y: [tokens, outputs] float32; all rows of both.
  void operator()(const VisionStep& step, ConstRows x, Rows y) const;

  void list_weights(WeightList& list) const;

 private:
  VisionLinear fc1_;
  VisionSum fc2_;
};

// y = act(up(x)), then z = down(y), a stretch of rows at a time, so that what lies between stays in the cache.
// down.finish() is left to the caller.
void feed_forward_in_stretches(const VisionStep& step, ConstRows x, const VisionLinear& up, VisionActivation activation,
                               const VisionSum& down, Epilogue::Kind kind, Rows z);

}  // namespace braid
