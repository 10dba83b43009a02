// The products and norms that vision towers are made of, each with the tensors that it is loaded from. Tested by
// vision_tower_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/kernels/ops.h"
#include "braid/model/vision/vision_shard.h"
#include "braid/model/vision/vision_step.h"
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
  int32_t stacked = 1;    // a matrix is so many of equal size, one below the other: 3, if it is q, k and v
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
  // With the outputs of the shard's own parts alone; by default whole.
  static Result<VisionLinear> load(const WeightLoader& weights, const VisionLinearTensors& tensors, DType dtype,
                                   const VisionShard& shard = {});

  int64_t outputs() const { return matrix_.n(); }
  int64_t inputs() const { return matrix_.k(); }
  DType dtype() const { return matrix_.dtype(); }

  // y is float32 or the matrix's dtype.
  void operator()(Ops& ops, ConstRows x, Rows y, Epilogue::Kind kind = Epilogue::Kind::kStore) const {
    ops.matmul(x, matrix_, y, {.kind = kind, .bias = bias_});
  }

  void list_weights(WeightList& list) const;

 private:
  friend class VisionSum;

  PackedMatrix matrix_;
  std::vector<float> bias_;
  std::string weight_names_;
  std::string bias_names_;
};

// A product whose inputs are split into parts: y = the sum of the parts' products, in order, to which the first adds
// the bias.
class VisionSum {
 public:
  VisionSum() = default;
  static Result<VisionSum> load(const WeightLoader& weights, const VisionLinearTensors& tensors, DType dtype,
                                const VisionShard& shard);

  int64_t own_inputs() const { return static_cast<int64_t>(parts_.size()) * parts_.front().inputs(); }

  // The products of rows [first, first + x.rows) with x [rows, own_inputs()], which are stored in y or added to it
  // (float32, all rows) at once if all parts are here.
  void multiply(const VisionStep& step, ConstRows x, int64_t first, Rows y, Epilogue::Kind kind) const;
  // Behind the last of them: if other processes have parts, exchanges the products and sums up this one's own rows of
  // y. `unit`: of y's rows (VisionStep::own).
  void finish(const VisionStep& step, Rows y, int64_t unit, Epilogue::Kind kind) const;

  void list_weights(WeightList& list) const;

 private:
  std::vector<VisionLinear> parts_;  // the own ones
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

}  // namespace braid
