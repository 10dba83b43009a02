// Parses the body of SGLang's /generate into a plain struct. Tested by generate_request_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/server/openai/parse/requests.h"

namespace braid::sglang {

struct GenerateItem {
  openai::Prompt prompt;
  openai::MediaUrls media;              // image_data: URLs, or base64; video_data
  openai::CommonParameters parameters;  // sampling_params, and what both protocols share of the rest
  int32_t logprob_start_len = -1;       // first prompt position with log-probabilities; -1: none
  std::string rid;                      // may be empty
};

struct GenerateRequest {
  std::vector<GenerateItem> items;  // at least one
  bool is_list = false;             // the prompts came as a list, so the answers are one, too
  std::string rid;                  // of all items together; may be empty
  bool stream = false;
  std::optional<double> timeout_s;
};

Result<GenerateRequest, openai::ApiError> parse_generate_request(std::string_view body,
                                                                 const openai::ProtocolLimits& limits);

}  // namespace braid::sglang
