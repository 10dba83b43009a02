// Requests with a grammar, through the engine on a real model, tiny and random: its output is noise in the right form.
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <string>

#include "braid/api/text_model.h"
#include "braid/grammar/compiled_grammar.h"
#include "braid/grammar/grammar_compiler.h"
#include "tests/support/api/tiny_engine.h"
#include "tests/support/matches.h"

namespace braid {
namespace {

constexpr TokenId kEndOfText = 279;  // this model's end token, the last of its 280

using testing::generate;
using testing::kTinyModel;
using testing::load_tiny_engine;
using testing::Output;

TokenId id_of(Engine& engine, std::string_view token) {
  const auto id = engine.text().tokenizer->token_to_id(token);
  CHECK(id.has_value(), "no token {}", token);
  return *id;
}

GenerationRequest request_for(Engine& engine, const GrammarCompiler::Compiled& grammar, uint64_t seed,
                              int32_t max_new_tokens = 120) {
  CHECK(grammar.ok(), "{}", grammar.error().message);
  GenerationRequest request{.prompt = std::string("The quick brown fox")};
  request.sampling.temperature = 1.0F;
  request.sampling.seed = seed;
  request.sampling.max_new_tokens = max_new_tokens;
  request.grammar = GrammarConstraint{.grammar = *grammar};
  (void)engine;
  return request;
}

TEST(EngineGrammar, OutputsMatchAndEndWhereTheGrammarDoes) {
  const auto engine = load_tiny_engine();
  const auto grammar = engine->grammars().regex("[a-c]{5,9}-\\d{3}");
  const std::string expected = "[a-c]{5,9}-[0-9]{3}";
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const Output output = generate(*engine, request_for(*engine, grammar, seed)).at(0);
    EXPECT_TRUE(matches(output.text, expected)) << output.text;
    EXPECT_EQ(output.last.finish, FinishReason::kStop);
    EXPECT_TRUE(std::holds_alternative<std::monostate>(output.last.matched_stop));  // the grammar allows nothing more
    std::vector<TokenId> ids;
    for (const SampledToken& token : output.tokens) ids.push_back(token.token);
    EXPECT_EQ(output.text, engine->text().tokenizer->decode(ids, true));
  }
}

TEST(EngineGrammar, AnEndTokenIsAllowedExactlyWhereTheOutputIsComplete) {
  const auto engine = load_tiny_engine();
  const auto grammar = engine->grammars().regex("(ab)+");
  int num_ended = 0;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    GenerationRequest request = request_for(*engine, grammar, seed, 40);
    request.sampling.logit_bias = {{kEndOfText, 4.0F}};
    const Output output = generate(*engine, request).at(0);
    if (output.last.finish != FinishReason::kStop) continue;
    ++num_ended;
    EXPECT_EQ(std::get<TokenId>(output.last.matched_stop), kEndOfText);
    EXPECT_TRUE(matches(output.text, "(ab)+")) << output.text;
  }
  EXPECT_GT(num_ended, 3);
}

TEST(EngineGrammar, IgnoreEosAndMinNewTokensDoNotBreakTheGrammar) {
  const auto engine = load_tiny_engine();
  const std::vector<std::string> texts = {"yes", "no", "certainly not"};
  GenerationRequest request = request_for(*engine, engine->grammars().choice(texts), 3);
  request.ignore_eos = true;
  request.sampling.min_new_tokens = 60;
  const Output output = generate(*engine, request).at(0);
  EXPECT_EQ(std::ranges::count(texts, output.text), 1) << output.text;
  EXPECT_EQ(output.last.finish, FinishReason::kStop);

  GenerationRequest endless = request_for(*engine, engine->grammars().regex("[ab]+"), 4, 30);
  endless.ignore_eos = true;
  endless.sampling.logit_bias = {{kEndOfText, 100.0F}};
  const Output longest = generate(*engine, endless).at(0);
  EXPECT_EQ(longest.last.finish, FinishReason::kLength);
  EXPECT_TRUE(matches(longest.text, "[ab]+")) << longest.text;

  GenerationRequest at_least = request_for(*engine, engine->grammars().regex("[ab]+"), 5, 60);
  at_least.sampling.min_new_tokens = 8;
  at_least.sampling.logit_bias = {{kEndOfText, 100.0F}};
  EXPECT_GT(generate(*engine, at_least).at(0).tokens.size(), 8U);
}

TEST(EngineGrammar, AnOutputCompleteAtItsLastTokenEndsWithStop) {
  const auto engine = load_tiny_engine();
  GenerationRequest request = request_for(*engine, engine->grammars().regex("[a-z]{4}"), 1);
  const Output whole = generate(*engine, request).at(0);
  request.sampling.max_new_tokens = static_cast<int32_t>(whole.tokens.size());
  EXPECT_EQ(generate(*engine, request).at(0).last.finish, FinishReason::kStop);
  request.sampling.max_new_tokens -= 1;
  if (request.sampling.max_new_tokens > 0) {
    EXPECT_EQ(generate(*engine, request).at(0).last.finish, FinishReason::kLength);
  }
}

TEST(EngineGrammar, TheGrammarStartsAfterTheEndOfThinking) {
  const auto engine = load_tiny_engine();
  const auto grammar = engine->grammars().regex("x[0-9]{3}");
  const TokenId think_end = id_of(*engine, "~");
  const TokenId think_begin = id_of(*engine, "`");
  const auto tail_of = [&](const Output& output, TokenId marker) {
    std::vector<TokenId> ids;
    bool is_behind = false;
    for (const SampledToken& token : output.tokens) {
      if (is_behind) ids.push_back(token.token);
      is_behind = is_behind || token.token == marker;
    }
    return engine->text().tokenizer->decode(ids, true);
  };
  const std::string expected = "x[0-9]{3}";
  // The prompt opens the thinking.
  GenerationRequest open = request_for(*engine, grammar, 7, 200);
  open.grammar->starts_after = "~";
  open.sampling.logit_bias = {{think_end, 3.0F}};
  open.ignore_eos = true;
  const Output thought = generate(*engine, open).at(0);
  EXPECT_EQ(thought.last.finish, FinishReason::kStop);
  EXPECT_GT(thought.tokens.size(), 5U);
  EXPECT_TRUE(matches(tail_of(thought, think_end), expected)) << thought.text;

  // The output may open the thinking: once it does, once it does not.
  GenerationRequest may = open;
  may.grammar->may_open_with = think_begin;
  may.sampling.logit_bias = {{think_begin, 30.0F}, {think_end, 30.0F}};
  const Output opened = generate(*engine, may).at(0);
  EXPECT_EQ(opened.tokens.front().token, think_begin);
  EXPECT_EQ(opened.last.finish, FinishReason::kStop);
  EXPECT_TRUE(matches(tail_of(opened, think_end), expected)) << opened.text;
  may.sampling.logit_bias = {{think_begin, -100.0F}};
  const Output direct = generate(*engine, may).at(0);
  EXPECT_TRUE(matches(direct.text, expected)) << direct.text;
}

TEST(EngineGrammar, AnEndOfThinkingMayBeSeveralTokens) {
  const auto engine = load_tiny_engine();
  GenerationRequest request = request_for(*engine, engine->grammars().regex("x[0-9]{3}"), 3, 600);
  request.grammar->starts_after = "~~`";
  request.sampling.logit_bias = {{id_of(*engine, "~"), 9.0F}, {id_of(*engine, "`"), 9.0F}};
  request.ignore_eos = true;
  const Output output = generate(*engine, request).at(0);
  EXPECT_EQ(output.last.finish, FinishReason::kStop);
  const size_t end = output.text.find("~~`");
  ASSERT_NE(end, std::string::npos);
  EXPECT_TRUE(matches(output.text.substr(end + 3), "x[0-9]{3}")) << output.text;
}

TEST(EngineGrammar, ATriggerStartsItsGrammarAndTheOutputIsFreeAfterwards) {
  const auto engine = load_tiny_engine();
  const auto numbers = *engine->grammars().regex("<[0-9]{2}>");
  GenerationRequest request{.prompt = std::string("The quick brown fox"), .ignore_eos = true};
  request.sampling.temperature = 1.0F;
  request.sampling.max_new_tokens = 150;
  request.sampling.logit_bias = {{id_of(*engine, "~"), 3.0F}, {id_of(*engine, "<"), 3.0F}};
  request.grammar = GrammarConstraint{
      .triggered = {{.trigger = "~", .grammar = numbers}, {.trigger = "`<", .begin = "<", .grammar = numbers}}};
  int num_triggered = 0;
  int num_free = 0;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    request.sampling.seed = seed;
    const Output output = generate(*engine, request).at(0);
    EXPECT_EQ(output.last.finish, FinishReason::kLength) << output.last.error;
    const std::string& text = output.text;
    for (size_t at = 0; at < text.size(); ++at) {
      const bool with_begin = text.compare(at, 2, "`<") == 0;
      if (text[at] != '~' && !with_begin) {
        ++num_free;
        continue;
      }
      const std::string behind = text.substr(at + 1, 4);
      EXPECT_TRUE(matches(behind, "<[0-9]{2}>") || at + 5 > text.size()) << text;
      ++num_triggered;
      at += 4;
    }
  }
  EXPECT_GT(num_triggered, 10);
  EXPECT_GT(num_free, 50);
}

TEST(EngineGrammar, ATriggerMayWorkOnlyAtTheStart) {
  const auto engine = load_tiny_engine();
  GenerationRequest request{.prompt = std::string("The quick brown fox"), .ignore_eos = true};
  request.sampling.max_new_tokens = 60;
  request.grammar = GrammarConstraint{
      .triggered = {{.trigger = "~", .only_at_start = true, .grammar = *engine->grammars().regex("<[0-9]{2}>")}}};
  request.sampling.logit_bias = {{id_of(*engine, "~"), 100.0F}};
  request.sampling.temperature = 1.0F;
  const Output output = generate(*engine, request).at(0);
  EXPECT_TRUE(matches(output.text, "~<[0-9]{2}>~+")) << output.text;
}

TEST(EngineGrammar, EachChoiceHasItsOwnStateInTheGrammar) {
  const auto engine = load_tiny_engine();
  GenerationRequest request =
      request_for(*engine, engine->grammars().ebnf("root ::= [a-z]{2,6} (\",\" root)?"), 9, 200);
  request.n = 5;
  request.sampling.logit_bias = {{kEndOfText, 2.0F}};
  std::set<std::string> texts;
  for (const auto& [index, output] : generate(*engine, request)) {
    EXPECT_NE(output.last.finish, FinishReason::kError) << output.last.error;
    if (output.last.finish == FinishReason::kStop) {
      EXPECT_TRUE(matches(output.text, "[a-z]{2,6}(,[a-z]{2,6})*")) << output.text;
    }
    texts.insert(output.text);
  }
  EXPECT_GT(texts.size(), 3U);
}

// Has as many tokens as the model, but only "a" and "bc" have text.
class TwoTokens final : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view, bool) const override { return {}; }
  std::string decode(std::span<const TokenId>, bool) const override { return {}; }
  std::unique_ptr<TextStream> start_stream(TextStreamOptions) const override { return nullptr; }
  std::string token_bytes(TokenId id) const override { return id == 7 ? "a" : id == 8 ? "bc" : ""; }
  std::optional<TokenId> token_to_id(std::string_view) const override { return std::nullopt; }
  bool is_special(TokenId) const override { return false; }
  int64_t vocab_size() const override { return 280; }
};

TEST(EngineGrammar, AGrammarThatNoTokenCanContinueEndsOnlyItsRequest) {
  const auto engine = load_tiny_engine();
  const TwoTokens tokenizer;
  GrammarCompiler other(tokenizer);
  const GenerationRequest request = request_for(*engine, other.regex("aab"), 2);
  const GenerationRequest beside = request_for(*engine, engine->grammars().regex("[a-c]{40}"), 11);
  const Output alone = generate(*engine, beside).at(0);
  std::string text;
  const auto id = engine->submit(beside, [&](const Delta& delta) { text += delta.text; });
  const Output output = generate(*engine, request).at(0);
  engine->wait(*id);
  EXPECT_EQ(text, alone.text);
  EXPECT_EQ(output.last.finish, FinishReason::kError);
  EXPECT_EQ(output.tokens.size(), 2U);
  EXPECT_NE(output.last.error.find("no token of the vocabulary"), std::string::npos) << output.last.error;
}

TEST(EngineGrammar, AnInvalidConstraintIsRefused) {
  const auto engine = load_tiny_engine();
  GenerationRequest request = request_for(*engine, engine->grammars().regex("a+"), 1);
  request.grammar->grammar = nullptr;
  EXPECT_FALSE(engine->submit(request, [](const Delta&) {}).ok());
  request = request_for(*engine, engine->grammars().regex("a+"), 1);
  request.grammar->may_open_with = 100'000;
  EXPECT_FALSE(engine->submit(request, [](const Delta&) {}).ok());
}

// Batch invariance holds for masked requests too, and a preempted request keeps its state in its grammar.
TEST(EngineGrammar, BitsAreTheSameAloneTogetherAndPreempted) {
  using MaskedBits = std::vector<uint32_t>;
  const auto run = [](const RankOptions& rank, bool together) {
    const auto engine = load_tiny_engine({.source = {.model_path = kTinyModel}, .rank = rank});
    GrammarCompiler& grammars = engine->grammars();
    std::vector<MaskedBits> results(12);
    std::vector<SubmissionId> ids;
    for (size_t i = 0; i < results.size(); ++i) {
      const GrammarCompiler::Compiled choices[] = {grammars.regex("[a-z ]{20,60}"), grammars.regex("(\\d{2,4},){8,20}"),
                                                   grammars.ebnf("root ::= \"(\" root \")\" root | [a-z]{1,9}")};
      GenerationRequest request = request_for(*engine, choices[i % 3], i, 60);
      request.prompt = std::vector<TokenId>(20 + i, static_cast<TokenId>(40 + i % 4));
      request.sampling.logprobs = true;
      if (i % 4 == 3) request.grammar.reset();
      const auto id = engine->submit(request, [&results, i](const Delta& delta) {
        EXPECT_NE(delta.finish, FinishReason::kError) << delta.error;
        for (const SampledToken& token : delta.tokens) {
          results[i].push_back(static_cast<uint32_t>(token.token));
          results[i].push_back(std::bit_cast<uint32_t>(token.logprob));
        }
      });
      CHECK(id.ok(), "{}", id.error().message);
      ids.push_back(*id);
      if (!together) engine->wait(*id);
    }
    for (const SubmissionId id : ids) engine->wait(id);
    if (rank.max_total_tokens > 0) {
      EXPECT_GT(engine->stats().scheduler.num_preemptions, 0U);
    }
    return results;
  };
  const auto alone = run({.radix_cache = false}, false);
  for (const MaskedBits& bits : alone) EXPECT_FALSE(bits.empty());
  EXPECT_EQ(run({.threads_per_rank = 2, .chunked_prefill_size = 7}, true), alone);
  EXPECT_EQ(run({.threads_per_rank = 2, .max_total_tokens = 224}, true), alone);
}

}  // namespace
}  // namespace braid
