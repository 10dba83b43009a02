// The parts that vision towers are made of, each with the tensors that it is loaded from: products, norms, and blocks
// of attention and feed-forward. Tested by vision_tower_test.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/config/vision_config.h"
#include "braid/kernels/ops.h"
#include "braid/model/vision/vision_scratch.h"
#include "braid/model/weight_list.h"
#include "braid/weights/load.h"
#include "braid/weights/weight_table.h"

namespace braid {

// A size of a tensor, and the configuration's name for it.
struct VisionSize {
  int64_t value;
  std::string name;
};

// The tensors of a product y = x · Wᵀ + bias. Several matrices, one below the other, make one product (q, k and v); or
// they are the gate and the up of a gated block.
struct VisionLinearTensors {
  std::vector<std::string> names;  // "visual.merger.linear_fc1": ".weight" and ".bias" are added
  VisionSize outputs;              // of each matrix
  VisionSize inputs;
  bool has_bias = true;
  bool is_gated = false;  // two matrices, interleaved
  std::string_view suffix = ".weight";

  void append_to(WeightTable& table) const;
};

struct VisionNormTensors {
  std::string name;
  VisionSize size;
  bool has_bias = true;  // LayerNorm; else RMSNorm

  void append_to(WeightTable& table) const;
};

class VisionLinear {
 public:
  VisionLinear() = default;
  static Result<VisionLinear> load(const WeightLoader& weights, const VisionLinearTensors& tensors, DType dtype);

  int64_t outputs() const { return matrix_.n(); }
  int64_t inputs() const { return matrix_.k(); }
  DType dtype() const { return matrix_.dtype(); }

  // y is float32 or the matrix's dtype.
  void operator()(Ops& ops, ConstRows x, Rows y, Epilogue::Kind kind = Epilogue::Kind::kStore) const {
    ops.matmul(x, matrix_, y, {.kind = kind, .bias = bias_});
  }

  void list_weights(WeightList& list) const;

 private:
  PackedMatrix matrix_;
  std::vector<float> bias_;
  std::string weight_names_;
  std::string bias_names_;
};

class VisionNorm {
 public:
  VisionNorm() = default;
  // `offset` is added to the weight.
  static Result<VisionNorm> load(const WeightLoader& weights, const VisionNormTensors& tensors, float eps,
                                 float offset = 0);

  void operator()(Ops& ops, ConstRows x, Rows y) const;

  void list_weights(WeightList& list) const;

 private:
  std::vector<float> weight_;
  std::vector<float> bias_;  // empty: RMSNorm
  float eps_ = 1e-6F;
  std::string name_;
};

struct VisionBlockTensors {
  VisionNormTensors attention_norm;
  VisionLinearTensors qkv;
  VisionLinearTensors output;
  VisionNormTensors ffn_norm;
  VisionLinearTensors up;  // gated: gate and up
  VisionLinearTensors down;

  void append_to(WeightTable& table) const;
};

// x += attention(norm(x)); x += down(act(up(norm(x)))), on all patches of one image.
class VisionBlock {
 public:
  static Result<VisionBlock> load(const WeightLoader& weights, const VisionBlockTensors& tensors,
                                  const VisionConfig& config, DType dtype);

  // x: the residual, [patches, hidden] float32. Each of `segments` sees itself alone.
  void operator()(Ops& ops, VisionScratch& scratch, const VisionSegments& segments, const VisionAngles* angles,
                  Rows x) const;

  void list_weights(WeightList& list) const;

 private:
  void attend(Ops& ops, VisionScratch& scratch, const VisionSegments& segments, const VisionAngles* angles,
              Rows x) const;
  void feed_forward(Ops& ops, VisionScratch& scratch, Rows x) const;

  VisionNorm attention_norm_;
  VisionLinear qkv_;
  VisionLinear output_;
  VisionNorm ffn_norm_;
  VisionLinear up_;
  VisionLinear down_;
  VisionActivation activation_ = VisionActivation::kGeluTanh;
  int32_t num_heads_ = 0;
};

// fc2(gelu(fc1(x))), as a tower's merger and each deepstack merger have it.
class VisionMerger {
 public:
  static Result<VisionMerger> load(const WeightLoader& weights, const VisionLinearTensors& fc1,
                                   const VisionLinearTensors& fc2, DType dtype);

  // x: [tokens, inputs] in the compute dtype; y: [tokens, outputs] float32.
  void operator()(Ops& ops, VisionScratch& scratch, ConstRows x, Rows y) const;

  void list_weights(WeightList& list) const;

 private:
  VisionLinear fc1_;
  VisionLinear fc2_;
};

// y = act(up(x)), then z = down(y), a stretch of rows at a time, so that what lies between stays in the cache.
void feed_forward_in_stretches(Ops& ops, VisionScratch& scratch, ConstRows x, const VisionLinear& up,
                               VisionActivation activation, const VisionLinear& down, Epilogue::Kind kind, Rows z);

}  // namespace braid
