// Writers of the answers as streams of server-sent events: a chunk with the role (chat), deltas, an empty delta with
// the finish_reason, the usage if requested, [DONE]. Tested by streams_test.cc.
#pragma once

#include <memory>
#include <vector>

#include "braid/server/openai/write/responses.h"

namespace braid::openai {

std::unique_ptr<AnswerWriter> make_completion_stream(ResponseHead head, CompletionRequest request,
                                                     std::vector<PromptResult> prompts, const Tokenizer& tokenizer);
std::unique_ptr<AnswerWriter> make_chat_stream(ResponseHead head, ChatRequest request, PromptResult prompt,
                                               const Tokenizer& tokenizer, MakeMessageParser make_parser);

}  // namespace braid::openai
