// The layer of a decoder with norms on both sides of each block (Gemma 2, arXiv 2408.00118): attention, then a
// feed-forward block. Each reads the normed residual stream; its output is normed and added. FeedForward is Mlp or Moe.
#pragma once

#include <utility>
#include <variant>

#include "braid/model/layers/attention.h"
#include "braid/model/layers/decoder.h"
#include "braid/model/layers/rms_norm.h"

namespace braid {

// The norms of one block.
struct NormPair {
  RmsNorm before;
  RmsNorm after;
};

template <typename FeedForward>
class SandwichNormLayer final : public DecoderLayer {
 public:
  SandwichNormLayer(NormPair attention_norms, Attention attention, NormPair feed_forward_norms,
                    FeedForward feed_forward)
      : attention_norms_(std::move(attention_norms)),
        attention_(std::move(attention)),
        feed_forward_norms_(std::move(feed_forward_norms)),
        feed_forward_(std::move(feed_forward)) {}

  void attend(Step& step, Residual x) const override {
    x += attention_norms_.after.after_block(step, attention_(step, attention_norms_.before(step, x)));
    step.exchange.begin_gather(feed_forward_norms_.before(step, x));
  }
  void feed_forward(Step& step) const override {
    step.exchange.begin_scatter(feed_forward_(step, step.exchange.finish_gather()));
  }
  void add_sums(Step& step, Residual x) const override {
    x += feed_forward_norms_.after.after_block(step, step.exchange.finish_scatter());
  }

  void list_weights(const LayerTensors& tensors, WeightList& list) const override {
    attention_norms_.before.list_weights(tensors.norms[0], list);
    attention_.list_weights(tensors.attention, list);
    attention_norms_.after.list_weights(tensors.norms[1], list);
    feed_forward_norms_.before.list_weights(tensors.norms[2], list);
    feed_forward_.list_weights(std::get<typename FeedForward::Tensors>(tensors.feed_forward), list);
    feed_forward_norms_.after.list_weights(tensors.norms[3], list);
  }

 private:
  NormPair attention_norms_;
  Attention attention_;
  NormPair feed_forward_norms_;
  FeedForward feed_forward_;
};

}  // namespace braid
