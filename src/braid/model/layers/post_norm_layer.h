// The layer of a decoder with norms after the blocks (OLMo 2, arXiv 2501.00656): attention, then a feed-forward block.
// Each reads the residual stream itself; its output is normed and added. FeedForward is Mlp or Moe.
#pragma once

#include <utility>
#include <variant>

#include "braid/model/layers/attention.h"
#include "braid/model/layers/decoder.h"
#include "braid/model/layers/rms_norm.h"

namespace braid {

template <typename FeedForward>
class PostNormLayer final : public DecoderLayer {
 public:
  PostNormLayer(RmsNorm attention_norm, Attention attention, RmsNorm feed_forward_norm, FeedForward feed_forward)
      : attention_norm_(std::move(attention_norm)),
        attention_(std::move(attention)),
        feed_forward_norm_(std::move(feed_forward_norm)),
        feed_forward_(std::move(feed_forward)) {}

  void attend(Step& step, Residual x) const override {
    x += attention_norm_.after_block(step, attention_(step, without_norm(step, x)));
    step.exchange.begin_gather(without_norm(step, x));
  }
  void feed_forward(Step& step) const override {
    step.exchange.begin_scatter(feed_forward_(step, step.exchange.finish_gather()));
  }
  void add_sums(Step& step, Residual x) const override {
    x += feed_forward_norm_.after_block(step, step.exchange.finish_scatter());
  }

  void list_weights(const LayerTensors& tensors, WeightList& list) const override {
    attention_.list_weights(tensors.attention, list);
    attention_norm_.list_weights(tensors.norms[0], list);
    feed_forward_.list_weights(std::get<typename FeedForward::Tensors>(tensors.feed_forward), list);
    feed_forward_norm_.list_weights(tensors.norms[1], list);
  }

 private:
  RmsNorm attention_norm_;
  Attention attention_;
  RmsNorm feed_forward_norm_;
  FeedForward feed_forward_;
};

}  // namespace braid
