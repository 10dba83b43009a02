// Answers of /v1/completions and /v1/chat/completions in one piece. Tested by responses_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/request/generation.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/write/answer_writer.h"
#include "braid/server/openai/write/message_parser.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::openai {

// One choice: its deltas joined.
struct ChoiceResult {
  std::string text;
  std::vector<SampledToken> tokens;
  std::vector<ScoredToken> prompt_logprobs;  // of choice 0 only, if requested
  FinishReason finish = FinishReason::kNone;
  MatchedStop matched_stop;
  Usage usage;

  void add(const Delta& delta);
};

struct PromptResult {
  std::vector<TokenId> prompt_ids;
  std::string prompt_text;            // echo: put in front of each choice
  bool continues_text = false;        // the choices' texts continue the prompt's
  std::vector<ChoiceResult> choices;  // [n]
};

struct ResponseHead {
  std::string id;         // "chatcmpl-…"
  int64_t created_s = 0;  // Unix time
  std::string model;
};

Json completion_response(const ResponseHead& head, const CompletionRequest& request,
                         const std::vector<PromptResult>& results, const Tokenizer& tokenizer);
Json chat_response(const ResponseHead& head, const ChatRequest& request, const PromptResult& result,
                   const Tokenizer& tokenizer, const MakeMessageParser& make_parser = make_plain_parser);

// Counts the usage of a request from its deltas.
class UsageCounter {
 public:
  // A prompt's tokens count once, however many choices it has.
  explicit UsageCounter(std::span<const PromptResult> prompts);
  void add(size_t prompt, const Delta& delta);
  Json to_json() const;  // {prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details}

 private:
  int64_t prompt_tokens_ = 0;
  int64_t completion_tokens_ = 0;
  std::vector<int64_t> cached_tokens_;  // of each prompt
};

// OpenAI's name. `stop`: how it calls an end that the model or a stop string chose.
std::string_view finish_reason_name(FinishReason finish, std::string_view stop = "stop");
// The same for a choice of a chat. `has_calls`: it called a tool.
std::string_view chat_finish_reason(FinishReason finish, bool has_calls, const ToolParameters& tools);

// Writers of the answers in one piece. `prompts` have as many choices as the request asks for, all empty. `tokenizer`
// outlives the writer.
std::unique_ptr<AnswerWriter> make_completion_answer(ResponseHead head, CompletionRequest request,
                                                     std::vector<PromptResult> prompts, const Tokenizer& tokenizer);
std::unique_ptr<AnswerWriter> make_chat_answer(ResponseHead head, ChatRequest request, PromptResult prompt,
                                               const Tokenizer& tokenizer, MakeMessageParser make_parser);

}  // namespace braid::openai
