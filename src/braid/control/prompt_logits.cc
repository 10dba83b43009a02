#include "braid/control/prompt_logits.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "braid/control/request_check.h"
#include "braid/engine/rank.h"

namespace braid {

Status prompt_logits(const EngineOptions& options, std::span<const TokenId> ids, Logger& logger,
                     FunctionRef<void(int64_t, std::span<const float>)> visit) {
  TRY(const Checkpoint checkpoint, open_checkpoint(options.source));
  TRY(const auto rank, Rank::load(checkpoint, options.rank, logger, {}));
  const SchedulerConfig& config = rank->scheduler_config();
  GenerationRequest request;
  request.prompt = std::vector<TokenId>(ids.begin(), ids.end());
  TRY_STATUS(check_request(request, {.vocab_size = rank->config().vocab_size, .context_len = config.context_len}));

  const auto num_tokens = static_cast<int32_t>(ids.size());
  PageTable table{.pages =
                      std::vector<PageId>(static_cast<size_t>((num_tokens + config.page_size - 1) / config.page_size))};
  std::iota(table.pages.begin(), table.pages.end(), 0);
  for (int32_t first = 0; first < num_tokens; first += config.chunked_prefill_size) {
    const int32_t count = std::min(config.chunked_prefill_size, num_tokens - first);
    SequencePlan sequence{.first_position = first, .page_tables = {table}};
    sequence.new_tokens.assign(ids.begin() + first, ids.begin() + first + count);
    StepPlan plan;
    plan.sequences.push_back(std::move(sequence));
    rank->runner().for_each_logits(plan,
                                   [&](int64_t row, std::span<const float> logits) { visit(first + row, logits); });
  }
  return {};
}

}  // namespace braid
