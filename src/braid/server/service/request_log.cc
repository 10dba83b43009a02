#include "braid/server/service/request_log.h"

#include <variant>

namespace braid {

void RequestLog::accepted(const Arrival& arrival, const openai::PreparedRequest& request) const {
  if (!is_on_ || request.prompts.empty()) return;
  size_t num_tokens = 0;
  for (const openai::PreparedPrompt& prompt : request.prompts) {
    num_tokens += std::get<std::vector<TokenId>>(prompt.generation.prompt).size();
  }
  const GenerationRequest& first = request.prompts.front().generation;
  const SamplingParams& sampling = first.sampling;
  logger_->info("request {} from {}: {}{}, {} prompt tokens, n {}, max_tokens {}, temperature {}, top_p {}", request.id,
                arrival.client, arrival.path, request.is_stream ? ", streamed" : "", num_tokens,
                static_cast<size_t>(first.n) * request.prompts.size(),
                first.until_context_end ? std::string("none") : std::to_string(sampling.max_new_tokens),
                sampling.temperature, sampling.top_p);
}

void RequestLog::left(const Arrival& arrival) const {
  if (!is_on_) return;
  logger_->info("{} from {}: the client left before the request was read", arrival.path, arrival.client);
}

void RequestLog::refused(const Arrival& arrival, const openai::ApiError& error) const {
  if (!is_on_) return;
  logger_->info("refused {} from {}: {} {}", arrival.path, arrival.client, error.status, error.message);
}

void RequestLog::ended(const Arrival& arrival, const std::string& id, const metrics::RequestRecord& total,
                       std::string_view outcome) const {
  if (!is_on_) return;
  logger_->info("request {} from {} ended: {}, {} prompt tokens ({} cached), {} output tokens, {:.3f} s", id,
                arrival.client, outcome, total.prompt_tokens, total.cached_tokens, total.output_tokens,
                total.end_to_end_s);
}

}  // namespace braid
