// Data-parallel attention round any backend: a rank attends over its own DP group's rows alone, with its own group's KV
// cache. The exchange, which the rank owns, moves rows to the layers that all groups share and back.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "braid/attention/attention_backend.h"
#include "braid/parallel/dp_token_exchange.h"

namespace braid {

class DpAttentionBackend final : public AttentionBackend {
 public:
  // `exchange` outlives it.
  DpAttentionBackend(std::unique_ptr<AttentionBackend> wrapped, const DpTokenExchange& exchange);

  std::string_view name() const override { return name_; }  // "dp(fa)"

  // The rows are the group's, as many as the exchange was told for this step; none where the group idles.
  void forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
               const AttentionParams& params, Rows out) override;

 private:
  std::unique_ptr<AttentionBackend> wrapped_;
  const DpTokenExchange& exchange_;
  std::string name_;
};

// The backend of a rank: `wrapped` inside a DpAttentionBackend where the exchange is between several DP groups, else
// `wrapped` itself. `exchange`: null for a rank that is alone in its world.
std::unique_ptr<AttentionBackend> create_dp_attention_backend(std::unique_ptr<AttentionBackend> wrapped,
                                                              const DpTokenExchange* exchange);

}  // namespace braid
