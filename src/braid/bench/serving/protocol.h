// Writes the requests of `braid bench serving` and reads their streams, for OpenAI's endpoints and SGLang's /generate.
// No sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/bench/serving/workload.h"
#include "braid/formats/event_stream.h"

namespace braid::serving {

enum class Backend : uint8_t { kCompletions, kChat, kGenerate };

Result<Backend> parse_backend(const std::string& name);  // "openai" ("vllm", "sglang-oai"), "openai-chat", "sglang"
std::string_view endpoint(Backend backend);              // "/v1/completions"

struct BodyOptions {
  Backend backend = Backend::kCompletions;
  std::string model;  // empty: not sent
  bool ignore_eos = true;
  double temperature = 0;
  bool return_token_ids = false;  // so that tokens without text of their own are events too (not for kGenerate)
};
// A streamed request for exactly prompt.output_len tokens. The content must be text for kChat; others take no images.
std::string request_body(const BodyOptions& options, const Prompt& prompt);

// Reads the answer to a request, a text/event-stream in pieces of any size.
class StreamReader {
 public:
  explicit StreamReader(Backend backend) : backend_(backend) {}

  // Returns how many events with new text (or new tokens, if the server reports them) these bytes completed.
  int push(std::string_view bytes);

  bool is_done() const { return is_done_; }
  const std::string& error() const { return error_; }  // not empty: an error from the server, or of the stream's format
  const std::string& text() const { return text_; }    // so far, reasoning included
  int64_t prompt_tokens() const { return prompt_tokens_; }
  int64_t output_tokens() const { return output_tokens_; }

 private:
  bool take_event(std::string_view data);

  const Backend backend_;
  EventStreamReader events_;
  std::string text_;
  int64_t prompt_tokens_ = 0;
  int64_t output_tokens_ = 0;
  bool is_done_ = false;
  std::string error_;
};

// The server's message for a failed request: an OpenAI error's message, or the beginning of the body.
std::string error_of(int status, std::string_view body);

}  // namespace braid::serving
