// Judges texts by JSON schemas, and measures compiling and masks: what tools/judge_schemas.py compares with others.
//
//   grammar_judge tokenizer.json [--vocab-size 151936] < cases.jsonl > verdicts.jsonl
//
// A case is {"schema": …, "texts": […]}. Its verdict is {"refused": reason} or {"accepted": [true, …]}, with
// "compile_ms", and with "mask_us" of every token of the texts as the tokenizer divides them.
#include <fmt/format.h>
#include <time.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "bench/filled_up_tokenizer.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/grammar/grammar_matcher.h"

namespace braid {
namespace {

// Processor time of this process: other work on the machine does not count, and that of the thread that compiles does.
double cpu_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Follows the text token by token. Adds each mask's time to `mask_us`.
bool follow(const std::shared_ptr<const CompiledGrammar>& grammar, const Tokenizer& tokenizer, const std::string& text,
            std::vector<double>& mask_us) {
  GrammarMatcher matcher(grammar, false);
  std::vector<uint32_t> mask(matcher.mask_words());
  for (const TokenId token : tokenizer.encode(text, false)) {
    const double start = cpu_seconds();
    const bool is_filled = matcher.fill_mask(mask, {}).ok();
    mask_us.push_back((cpu_seconds() - start) * 1e6);
    const bool is_allowed = (mask[static_cast<size_t>(token) / 32] >> (token % 32) & 1U) != 0;
    const bool is_accepted = matcher.accept(token).ok();
    CHECK(!is_filled || is_allowed == is_accepted, "the mask and the matcher disagree about token {}", token);
    if (!is_filled || !is_accepted) return false;
  }
  return matcher.is_complete();
}

Json judge(const Json& one, const Tokenizer& tokenizer, GrammarCompiler& compiler) {
  Json verdict = Json::object();
  const double start = cpu_seconds();
  const auto grammar = compiler.json_schema(one["schema"]);
  verdict["compile_ms"] = (cpu_seconds() - start) * 1e3;
  if (!grammar.ok()) {
    verdict["refused"] = grammar.error().message;
    return verdict;
  }
  std::vector<double> mask_us;
  Json accepted = Json::array();
  for (const Json& text : one["texts"]) {
    accepted.push_back(follow(*grammar, tokenizer, text.get<std::string>(), mask_us));
  }
  verdict["accepted"] = std::move(accepted);
  verdict["mask_us"] = mask_us;
  return verdict;
}

int run(const std::string& path, int64_t vocab_size) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  const auto base = make_tokenizer_from_json(text.str());
  if (!base.ok()) {
    fmt::print(stderr, "error: {}: {}\n", path, base.error().message);
    return 1;
  }
  const FilledUp tokenizer(**base, vocab_size);
  GrammarCompiler compiler(tokenizer);
  for (std::string line; std::getline(std::cin, line);) {
    const auto one = parse_json(line, {.max_depth = 512});
    const Json verdict = one.ok() ? judge(*one, tokenizer, compiler) : Json{{"refused", one.error().message}};
    std::cout << verdict.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace braid

int main(int argc, char** argv) {
  std::string path;
  int64_t vocab_size = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--vocab-size" && i + 1 < argc) {
      vocab_size = std::atoll(argv[++i]);
    } else {
      path = argument;
    }
  }
  if (path.empty()) {
    fmt::print(stderr, "usage: grammar_judge tokenizer.json [--vocab-size N] < cases.jsonl > verdicts.jsonl\n");
    return 2;
  }
  return braid::run(path, vocab_size);
}
