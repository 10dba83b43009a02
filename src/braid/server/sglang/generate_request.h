// The body of SGLang's /generate as a validated plain struct, without sockets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/server/openai/parse/requests.h"

namespace braid::sglang {

struct GenerateItem {
  openai::Prompt prompt;
  openai::CommonParameters parameters;  // sampling_params, and what of the rest is the same for both protocols
  int32_t logprob_start_len = -1;       // the prompt's log-probabilities from here on; -1: none
  std::string rid;                      // may be empty
};

struct GenerateRequest {
  std::vector<GenerateItem> items;  // at least one
  bool is_list = false;             // the prompts came as a list, and so do the answers
  std::string rid;                  // of all of them; may be empty
  bool stream = false;
  std::optional<double> timeout_s;
};

openai::ApiResult<GenerateRequest> parse_generate_request(std::string_view body, const openai::ProtocolLimits& limits);

}  // namespace braid::sglang
