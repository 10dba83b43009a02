// Reads the files of testdata/; sanitizer builds, which are slow, use fewer of them.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "braid/tokenizer/tokenizer.h"
#include "tests/support/sanitizer.h"

namespace braid::testing {

inline constexpr int kThinning = kUnderSanitizer ? 16 : 1;  // use every n-th

inline const std::vector<std::string>& families() {
  static const std::vector<std::string> kFamilies = {"qwen2",       "llama3",   "gpt2",        "smollm2", "llama2",
                                                     "phi3",        "mistral3", "gemma",       "tekken",  "o200k",
                                                     "deepseek_v3", "glm4",     "deepseek_llm"};
  return kFamilies;
}

inline std::string read_fixture(const std::string& name) {
  std::ifstream file("src/braid/tokenizer/testdata/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::vector<std::string> read_lines(const std::string& name) {
  std::istringstream file(read_fixture(name));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// `with_long`: also the strings of 10 000 characters, which come last, as [[text, times], …].
inline std::vector<std::string> fixture_strings(bool with_long = false) {
  std::vector<std::string> strings;
  for (const std::string& line : read_lines("strings.txt")) {
    const auto row = nlohmann::json::parse(line);
    if (row.is_string()) {
      strings.push_back(row.get<std::string>());
    } else if (with_long) {
      std::string& text = strings.emplace_back();
      for (const auto& part : row) {
        for (int i = part[1].get<int>(); i > 0; --i) text += part[0].get<std::string>();
      }
    }
  }
  return strings;
}

inline std::unique_ptr<Tokenizer> must_make(const std::string& json) {
  Result<std::unique_ptr<Tokenizer>> tokenizer = make_tokenizer_from_json(json);
  EXPECT_TRUE(tokenizer.ok()) << (tokenizer.ok() ? "" : tokenizer.error().message);
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

inline std::unique_ptr<Tokenizer> fixture_tokenizer(const std::string& family) {
  return must_make(read_fixture(family + ".json"));
}

}  // namespace braid::testing
