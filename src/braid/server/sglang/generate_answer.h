// Writers of /generate's answers, with SGLang's keys: in one piece, or as a stream whose events each repeat everything
// that came before. Tested by generate_answer_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/server/openai/write/answer_writer.h"
#include "braid/server/sglang/generate_request.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::sglang {

// One prompt and how it is answered.
struct GeneratePrompt {
  std::string id;  // in the meta_info of all its choices
  std::vector<TokenId> ids;
  int32_t n = 1;
  bool logprobs = false;
  int32_t top_logprobs = 0;
  int32_t logprob_start_len = -1;
};

// `is_list`: the answer is a list, in the order of the prompts and their choices. `tokenizer` outlives the writer.
std::unique_ptr<openai::AnswerWriter> make_generate_answer(std::vector<GeneratePrompt> prompts, bool is_list,
                                                           const Tokenizer& tokenizer);
std::unique_ptr<openai::AnswerWriter> make_generate_stream(std::vector<GeneratePrompt> prompts, bool is_list,
                                                           const Tokenizer& tokenizer);

}  // namespace braid::sglang
