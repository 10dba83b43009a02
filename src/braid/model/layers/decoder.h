// The shape of all decoder-only families: embedding, layers that update the residual stream, final norm, head. Tested
// by sharded_model_test.cc and worker/transformers_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/layers/embedding.h"
#include "braid/model/layers/rms_norm.h"
#include "braid/model/model.h"
#include "braid/model/weight_list.h"

namespace braid {

class DecoderLayer {
 public:
  virtual ~DecoderLayer() = default;

  // In this order, for each part of the step. Other parts may be computed between them, while the rows are on their
  // way.
  virtual void attend(Step& step, Residual x) const = 0;    // begins the gather
  virtual void feed_forward(Step& step) const = 0;          // finishes it, begins the scatter
  virtual void add_sums(Step& step, Residual x) const = 0;  // finishes that

  // `tensors`: those that it was loaded from.
  virtual void list_weights(const LayerTensors& tensors, WeightList& list) const = 0;
};

// One layer: each rank's part of it.
using LoadedLayer = std::vector<std::unique_ptr<DecoderLayer>>;

struct DecoderWeights {
  std::shared_ptr<const Embedding> embedding;
  SharedMatrix head;  // [rows of its part of the vocabulary, hidden]
  int64_t vocab_size = 0;
  float embedding_multiplier = 1.0F;
  float residual_multiplier = 1.0F;  // multiplies what each block adds
  RmsNorm final_norm;                // its weight includes the divisor of the logits
  float logits_soft_cap = 0;         // 0: none
  std::vector<std::unique_ptr<DecoderLayer>> layers;
};

class Decoder final : public Model {
 public:
  explicit Decoder(DecoderWeights weights) : weights_(std::move(weights)) {}

  Rows forward(std::span<Step> parts, std::span<const TokenId> ids) const override;
  ConstRows logits(Step& step, ConstRows hidden, std::span<const int32_t> rows) const override;
  bool largest_logits(Step& step, ConstRows hidden, std::span<const int32_t> rows,
                      std::span<RowMax> maxima) const override;

  // `layers`: the tensors of each.
  void list_weights(const DecoderTensors& tensors, std::span<const LayerTensors> layers, WeightList& list) const;

 private:
  void embed(Step& step, std::span<const TokenId> ids, const IndexRange& own, Rows rows) const;
  ConstRows gather_head_input(Step& step, ConstRows hidden, std::span<const int32_t> rows) const;

  DecoderWeights weights_;
};

}  // namespace braid
