// The layer of a pre-norm decoder (Llama, Qwen and most since): attention, then a feed-forward block. Each reads the
// normed residual stream; its output is added. FeedForward is Mlp or Moe.
#pragma once

#include <utility>
#include <variant>

#include "braid/model/layers/attention.h"
#include "braid/model/layers/decoder.h"
#include "braid/model/layers/rms_norm.h"

namespace braid {

template <typename FeedForward>
class PreNormLayer final : public DecoderLayer {
 public:
  PreNormLayer(RmsNorm input_norm, Attention attention, RmsNorm post_norm, FeedForward feed_forward)
      : input_norm_(std::move(input_norm)),
        attention_(std::move(attention)),
        post_norm_(std::move(post_norm)),
        feed_forward_(std::move(feed_forward)) {}

  void attend(Step& step, Residual x) const override {
    x += attention_(step, input_norm_(step, x));
    step.exchange.begin_gather(post_norm_(step, x));
  }
  void feed_forward(Step& step) const override {
    step.exchange.begin_scatter(feed_forward_(step, step.exchange.finish_gather()));
  }
  void add_sums(Step& step, Residual x) const override { x += step.exchange.finish_scatter(); }

  void list_weights(const LayerTensors& tensors, WeightList& list) const override {
    input_norm_.list_weights(tensors.norms[0], list);
    attention_.list_weights(tensors.attention, list);
    post_norm_.list_weights(tensors.norms[1], list);
    feed_forward_.list_weights(std::get<typename FeedForward::Tensors>(tensors.feed_forward), list);
  }

 private:
  RmsNorm input_norm_;
  Attention attention_;
  RmsNorm post_norm_;
  FeedForward feed_forward_;
};

}  // namespace braid
