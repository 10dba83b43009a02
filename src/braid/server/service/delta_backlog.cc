#include "braid/server/service/delta_backlog.h"

namespace braid {

size_t delta_bytes(const Delta& delta) {
  size_t bytes = sizeof(Delta) + delta.text.size() + delta.error.size();
  for (const auto* tokens : {&delta.tokens, &delta.prompt_logprobs}) {
    for (const SampledToken& token : *tokens) {
      bytes += sizeof(SampledToken) + token.top_logprobs.size() * sizeof(TokenLogprob);
    }
  }
  return bytes;
}

}  // namespace braid
