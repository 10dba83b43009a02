// Makes a rank's exchange with the other ranks of its world, and prepares it for each step.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/parallel/dp_attention.h"
#include "braid/parallel/dp_token_exchange.h"

namespace braid {

// What all ranks must know of each other's part in a step, the same on every rank.
struct WorldStep {
  int64_t number = 0;
  std::vector<int32_t> group_tokens;  // of each group of the world; 0: it is idle; all 0: pages move, nothing else
  int64_t num_logit_rows = 0;         // the most that a group needs
  bool in_halves = false;             // TokenExchange::prepare_step
};

// Called by all ranks of a world at once: all succeed or all fail. Where several DP groups fail, rank 0 warns that
// attention falls back to `attention_backend` without DP attention: its ranks can then only attend as one group
// (without_dp_attention(layout)).
Result<std::unique_ptr<DpTokenExchange>> make_rank_exchange(const DpAttentionConfig& config,
                                                            std::string_view attention_backend, Ops& ops,
                                                            WorldCommunicator world, GroupCommunicator group,
                                                            Logger& logger);

// Before each step with tokens, also on the ranks of an idle group. At log level debug, rank 0 of several groups logs
// the padding and the tokens of each group.
void prepare_exchange(TokenExchange& exchange, const RankPlace& place, const WorldStep& step, Logger& logger);

}  // namespace braid
