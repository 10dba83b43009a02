// What every decoder-only family is made of: embedding, layers that update the residual stream, final norm, head.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/model/layers/rms_norm.h"
#include "braid/model/model.h"

namespace braid {

class DecoderLayer {
 public:
  virtual ~DecoderLayer() = default;
  virtual void forward(Step& step, Residual x) const = 0;
};

struct DecoderWeights {
  RowsBuffer embedding;  // [vocab, hidden]; empty when the head's rows serve
  PackedMatrix head;     // [vocab, hidden]
  RmsNorm final_norm;
  std::vector<std::unique_ptr<DecoderLayer>> layers;
};

class Decoder final : public Model {
 public:
  explicit Decoder(DecoderWeights weights) : weights_(std::move(weights)) {}

  Rows forward(Step& step, std::span<const TokenId> ids) const override;
  Rows logits(Ops& ops, Workspace& workspace, ConstRows hidden, std::span<const int32_t> rows) const override;

 private:
  DecoderWeights weights_;
};

}  // namespace braid
