#include "braid/config/generation_config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/config/hf_configs.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

using testing::expect_part;

GenerationDefaults models_own() {
  return {.eos_token_ids = {7}, .temperature = 0.6F, .top_k = 20, .repetition_penalty = 1.1F};
}

std::string error_of_choice(const GenerationConfigOptions& options) {
  const auto chosen = choose_generation_config(models_own(), options);
  return chosen.ok() ? "" : chosen.error().message;
}

TEST(GenerationConfig, ReadsDefaultsAndEndTokens) {
  const auto json = parse_json(R"({"eos_token_id": [7, 9], "temperature": 0.6, "top_k": 20, "top_p": 0.95})");
  const auto defaults = read_generation_config(*json);
  ASSERT_TRUE(defaults.ok()) << defaults.error().message;
  EXPECT_EQ(defaults->eos_token_ids, (std::vector<TokenId>{7, 9}));
  EXPECT_EQ(defaults->top_k, 20);
  EXPECT_EQ(defaults->temperature, 0.6F);
  EXPECT_EQ(read_generation_config(*parse_json(R"({"do_sample": false, "temperature": 0.6})"))->temperature, 0.0F);
  expect_part(read_generation_config(*parse_json(R"({"top_p": 2})")).error().message,
              "generation_config.json: \"top_p\"");
}

TEST(GenerationConfig, OverridesReplaceSomeOfTheModelsDefaults) {
  const auto as_it_is = choose_generation_config(models_own(), {});
  ASSERT_TRUE(as_it_is.ok());
  EXPECT_EQ(as_it_is->temperature, 0.6F);
  const auto chosen = choose_generation_config(
      models_own(), {.overrides = R"({"temperature": 0.2, "top_p": 0.9, "top_k": -1, "repetition_penalty": null})"});
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  EXPECT_EQ(chosen->eos_token_ids, (std::vector<TokenId>{7}));
  EXPECT_EQ(chosen->temperature, 0.2F);
  EXPECT_EQ(chosen->top_p, 0.9F);
  EXPECT_EQ(chosen->top_k, 0);
  EXPECT_EQ(chosen->repetition_penalty, std::nullopt);
  EXPECT_EQ(chosen->min_p, std::nullopt);
}

TEST(GenerationConfig, WithoutTheModelsDefaultsItsEndTokensStay) {
  for (const char* const none : {"none", "vllm"}) {
    const auto chosen = choose_generation_config(models_own(), {.source = none, .overrides = R"({"top_k": 5})"});
    ASSERT_TRUE(chosen.ok()) << chosen.error().message;
    EXPECT_EQ(chosen->eos_token_ids, (std::vector<TokenId>{7}));
    EXPECT_EQ(chosen->temperature, std::nullopt);
    EXPECT_EQ(chosen->top_k, 5);
  }
}

TEST(GenerationConfig, AFoldersFileReplacesTheModels) {
  const testing::TemporaryFolder folder;
  const auto write = [&](const char* text) { std::ofstream(folder.path() / "generation_config.json") << text; };
  const GenerationConfigOptions options{.source = folder.path(), .overrides = R"({"min_p": 0.1})"};
  expect_part(error_of_choice(options), ": must be auto, none, or a folder with a generation_config.json");
  write(R"({"temperature": 0.3})");
  auto chosen = choose_generation_config(models_own(), options);
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  EXPECT_EQ(chosen->temperature, 0.3F);
  EXPECT_EQ(chosen->top_k, std::nullopt);
  EXPECT_EQ(chosen->min_p, 0.1F);
  EXPECT_EQ(chosen->eos_token_ids, (std::vector<TokenId>{7}));
  write(R"({"eos_token_id": 3})");
  chosen = choose_generation_config(models_own(), options);
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  EXPECT_EQ(chosen->eos_token_ids, (std::vector<TokenId>{3}));
  EXPECT_TRUE(check_end_tokens(*chosen, 4).ok());
  expect_part(check_end_tokens(*chosen, 3).error().message, "eos_token_id 3 is not below the vocabulary's size 3");
  write(R"({"temperature": "hot"})");
  expect_part(error_of_choice(options), "generation_config.json: \"temperature\" is \"hot\"");
}

TEST(GenerationConfig, WhatIsWrongWithAnOverrideIsNamed) {
  const auto error_of = [](const char* text) { return error_of_choice({.overrides = text}); };
  expect_part(error_of("{temperature: 1}"), "--override-generation-config {temperature: 1}: must be a JSON object");
  expect_part(error_of("0.5"), "must be a JSON object, like {\"temperature\": 0.5}");
  expect_part(error_of(R"({"temprature": 1})"), "unknown key \"temprature\"; known are temperature, top_k, top_p");
  expect_part(error_of(R"({"temperature": -1})"), "--override-generation-config: \"temperature\" is -1");
  expect_part(error_of(R"({"top_p": 0})"), "must be above 0 and at most 1");
  expect_part(error_of(R"({"top_k": 1.5})"), "\"top_k\" is 1.5");
  expect_part(error_of(R"({"top_p": 0.5, "top_p": 0.6})"), "top_p");
}

TEST(GenerationConfig, IsShownAsItWasWritten) {
  EXPECT_EQ(sampling_defaults_json({}).dump(), "{}");
  EXPECT_EQ(sampling_defaults_json({.temperature = 0.2F, .top_k = 40, .top_p = 0.9F}).dump(),
            R"({"temperature":0.2,"top_k":40,"top_p":0.9})");
}

}  // namespace
}  // namespace braid
