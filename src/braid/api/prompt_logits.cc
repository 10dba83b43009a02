#include "braid/api/prompt_logits.h"

#include <algorithm>
#include <utility>

#include "braid/api/request_check.h"
#include "braid/api/text_model.h"
#include "braid/scheduler/static_page_tables.h"
#include "braid/worker/rank_set.h"

namespace braid {

Status prompt_logits(const EngineOptions& options, std::span<const TokenId> ids, std::shared_ptr<Logger> logger,
                     FunctionRef<void(int64_t, std::span<const float>)> visit) {
  TRY(const Checkpoint checkpoint, open_checkpoint(options.source));
  RankOptions rank_options = options.rank;
  rank_options.layout.dp_size = rank_options.layout.enable_dp_attention ? rank_options.layout.dp_size : 1;
  TRY(const auto ranks, RankSet::load(checkpoint, rank_options, std::move(logger), {}));
  const SchedulerConfig& config = ranks->scheduler_config();
  GenerationRequest request;
  request.prompt = std::vector<TokenId>(ids.begin(), ids.end());
  const auto checked =
      check_request(request, {.vocab_size = ranks->config().vocab_size, .context_len = config.context_len});
  if (!checked.ok()) return Error{checked.error().message};

  const auto num_tokens = static_cast<int32_t>(ids.size());
  const StaticPageTables pages(config, num_tokens);
  // The first group computes; any others take part without tokens.
  return ranks->on_all_ranks([&](Rank& rank, int32_t) -> Status {
    const bool has_tokens = rank.place().attn_dp_rank == 0;
    WorldStep step{.group_tokens = std::vector<int32_t>(static_cast<size_t>(rank.place().dp_size))};
    for (int32_t first = 0; first < num_tokens; first += config.chunked_prefill_size) {
      const int32_t count = std::min(config.chunked_prefill_size, num_tokens - first);
      ++step.number;
      step.group_tokens[0] = count;
      step.num_logit_rows = count;
      StepPlan plan;
      if (has_tokens) {
        SequencePlan sequence{.first_position = first,
                              .page_tables = pages.tables(0, first, first + count),
                              .has_long_rope = config.long_rope_from > 0 && num_tokens > config.long_rope_from};
        sequence.new_tokens.assign(ids.begin() + first, ids.begin() + first + count);
        plan.sequences.push_back(std::move(sequence));
      }
      TRY_STATUS(rank.for_each_logits(plan, step, [&](int64_t row, std::span<const float> logits) {
        if (rank.place().tp_rank == 0) visit(first + row, logits);
      }));
    }
    return {};
  });
}

}  // namespace braid
