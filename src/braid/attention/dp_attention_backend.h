// Data-parallel attention round any backend: the rank attends over its own DP group's rows alone, with its own group's
// KV cache, while the exchange that it owns moves rows to the layers that all groups share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "braid/attention/attention_backend.h"
#include "braid/base/log.h"
#include "braid/parallel/dp_attention.h"
#include "braid/parallel/dp_token_exchange.h"

namespace braid {

class DpAttentionBackend final : public AttentionBackend {
 public:
  // `logger` outlives it.
  DpAttentionBackend(std::unique_ptr<AttentionBackend> wrapped, std::unique_ptr<DpTokenExchange> exchange,
                     Logger& logger);

  std::string_view name() const override { return name_; }  // "dp(fa)"

  // Rows are the group's, as many as begin_step() was told; none where the group idles.
  void forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
               const AttentionParams& params, Rows out) override;

  // Before each step, also an idle group's; at log level debug, rank 0 says what it is.
  void begin_step(const DpAttentionMetadata& metadata);

  DpTokenExchange& exchange() { return *exchange_; }

 private:
  std::unique_ptr<AttentionBackend> wrapped_;
  std::unique_ptr<DpTokenExchange> exchange_;
  Logger& logger_;
  std::string name_;
};

struct CreatedAttention {
  std::unique_ptr<AttentionBackend> backend;
  DpAttentionBackend* dp = nullptr;  // `backend`, where DP attention is active
};

// What a rank attends with: `wrapped` inside a DpAttentionBackend where DP attention is on and has more than one group,
// else `wrapped` itself. All ranks of the world call it at once, and the same comes out for all. Where DP attention
// cannot be initialised a warning says why, and it is `wrapped` too: its ranks can then only attend as one group
// (without_dp_attention(layout)).
CreatedAttention create_dp_attention_backend(std::unique_ptr<AttentionBackend> wrapped, bool enable_dp_attention,
                                             const DpAttentionConfig& config, Ops& ops, WorldCommunicator world,
                                             GroupCommunicator group, Logger& logger);

}  // namespace braid
