// An engine on a real model of 170 KB with random weights, and a request's joined deltas.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "braid/api/engine.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid::testing {

inline std::unique_ptr<Engine> load_tiny_engine(const EngineOptions& options = {.source = {.model_path = kTinyModel}}) {
  auto engine = Engine::load(options, make_null_logger());
  CHECK(engine.ok(), "{}", engine.error().message);
  return std::move(engine).value();
}

struct Output {
  std::string text;
  std::vector<SampledToken> tokens;
  std::vector<ScoredToken> prompt_logprobs;
  Delta last;
};
using Outputs = std::map<int32_t, Output>;  // by choice

// Joins a delta to what came before it.
inline void take_delta(Outputs& outputs, const Delta& delta) {
  Output& output = outputs[delta.index];
  EXPECT_EQ(output.last.finish, FinishReason::kNone) << "a delta after the last one";
  output.text += delta.text;
  output.tokens.insert(output.tokens.end(), delta.tokens.begin(), delta.tokens.end());
  output.prompt_logprobs.insert(output.prompt_logprobs.end(), delta.prompt_logprobs.begin(),
                                delta.prompt_logprobs.end());
  output.last = delta;
}

inline Outputs generate(Engine& engine, const GenerationRequest& request) {
  Outputs outputs;
  const auto id = engine.submit(request, [&](const Delta& delta) { take_delta(outputs, delta); });
  CHECK(id.ok(), "{}", id.error().message);
  engine.wait(*id);
  return outputs;
}

}  // namespace braid::testing
