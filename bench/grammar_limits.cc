// The cost of hostile grammars: time and memory until each is compiled or refused, in a process of its own, and the
// longest of its first masks.
//
//   grammar_limits MODEL
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "braid/api/text_model.h"
#include "braid/base/clock.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/grammar/grammar_matcher.h"

namespace braid {
namespace {

struct Hostile {
  std::string name;
  std::function<GrammarCompiler::Compiled(GrammarCompiler&)> compile;
};

Hostile schema(std::string name, std::string text) {
  return {std::move(name), [text = std::move(text)](GrammarCompiler& compiler) -> GrammarCompiler::Compiled {
            TRY(const Json json, parse_json(text, {.max_depth = 2000}));
            return compiler.json_schema(json);
          }};
}

Hostile regex(std::string pattern) {
  return {"regex " + pattern, [pattern](GrammarCompiler& compiler) { return compiler.regex(pattern); }};
}

// "$defs" in which each definition refers twice to the previous one.
std::string doubling(int count, const std::string& before, const std::string& between, const std::string& after) {
  std::string text = R"({"$defs":{"a0":{"type":"null"})";
  for (int i = 1; i < count; ++i) {
    const std::string ref = fmt::format(R"({{"$ref":"#/$defs/a{}"}})", i - 1);
    text += fmt::format(R"(,"a{}":)", i) + before + ref + between + ref + after;
  }
  return text + fmt::format(R"(}},"$ref":"#/$defs/a{}"}})", count - 1);
}

std::string listed(int count, const std::function<std::string(int)>& item) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + item(i);
  return text;
}

std::vector<Hostile> hostile_grammars() {
  const auto nested = [](int levels, const std::string& before, const std::string& after) {
    std::string text = R"({"type":"null"})";
    for (int i = 0; i < levels; ++i) text = before + text + after;
    return text;
  };
  const std::string values = listed(10'000, [](int i) { return fmt::format("\"value number {}\"", i * 7919); });
  return {
      schema("500 levels of arrays", nested(500, R"({"type":"array","items":)", "}")),
      schema("500 levels of objects", nested(500, R"({"type":"object","properties":{"a":)", R"(},"required":["a"]})")),
      schema("500 levels of anyOf", nested(500, R"({"anyOf":[{"type":"string"},)", "]}")),
      schema("enum of 10 000", R"({"enum":[)" + values + "]}"),
      schema("list of 100 to 1 000 of an enum of 10 000",
             R"({"type":"array","items":{"enum":[)" + values + R"(]},"minItems":100,"maxItems":1000})"),
      schema("references, 2^60 objects",
             doubling(60, R"({"type":"object","properties":{"x":)", R"(,"y":)", R"(},"required":["x","y"]})")),
      schema("references, 2^40 in allOf", doubling(40, R"({"allOf":[)", ",", "]}")),
      schema("references, 2^40 in anyOf", doubling(40, R"({"anyOf":[)", ",", "]}")),
      schema("object of 50 000 keys",
             R"({"type":"object","properties":{)" +
                 listed(50'000, [](int i) { return fmt::format(R"("key number {}":{{}})", i); }) + "}}"),
      schema("object of 2 000 optional keys and others",
             R"({"type":"object","additionalProperties":true,"properties":{)" +
                 listed(2'000, [](int i) { return fmt::format(R"("k{}":{{"type":"null"}})", i); }) + "}}"),
      schema("pattern with counts in counts",
             R"({"type":"string","pattern":"^(((((a{1,99}){1,99}b){1,99}c){1,99}d){1,99}e)$","maxLength":50000})"),
      schema("pattern (a|b)*a(a|b){40}", R"({"type":"string","pattern":"(a|b)*a(a|b){40}","maxLength":30000})"),
      schema("a million strings of a million",
             R"({"type":"array","items":{"type":"string","maxLength":1000000},"maxItems":1000000})"),
      regex("a{1,99999}"),
      regex("(a{1,99999}){1,99999}"),
      regex("((a|b)*c){1,5000}(d|e){1,5000}"),
      regex("(a*)*(b*)*(c*)*"),
      regex("(x+x+)+y"),
      regex("(a|b)*a(a|b){20}"),
      regex("[\\s\\S]{0,1000000}"),
      regex("(\\p{L}\\p{N}\\p{P}\\p{S}){1,1000}"),
      regex("(a?){10000}a{10000}"),
  };
}

double milliseconds_since(double start) {
  return (monotonic_seconds() - start) * 1e3;
}

void measure(const Hostile& hostile, const Tokenizer& tokenizer) {
  GrammarCompiler compiler(tokenizer);
  const double start = monotonic_seconds();
  const auto compiled = hostile.compile(compiler);
  const double compile_ms = milliseconds_since(start);
  double mask_ms = 0;
  if (compiled.ok()) {
    GrammarMatcher matcher(*compiled, false);
    std::vector<uint32_t> mask(matcher.mask_words());
    for (int i = 0; i < 30; ++i) {
      const double before = monotonic_seconds();
      (void)matcher.fill_mask(mask, {}).ok();
      mask_ms = std::max(mask_ms, milliseconds_since(before));
      const auto word = std::ranges::find_if(mask, [](uint32_t bits) { return bits != 0; });
      if (word == mask.end()) break;
      const auto token = (word - mask.begin()) * 32 + __builtin_ctz(*word);
      if (!matcher.accept(static_cast<TokenId>(token)).ok()) break;
    }
  }
  fmt::print("{:<45} {:>9.1f} ms {:>8.1f} ms ", hostile.name, compile_ms, mask_ms);
  fmt::print("{}", compiled.ok() ? "compiled" : "refused: " + compiled.error().message.substr(0, 120));
}

int run(const char* model_path) {
  const auto text = load_text_model({.model_path = model_path});
  if (!text.ok()) {
    fmt::print(stderr, "error: {}\n", text.error().message);
    return 1;
  }
  fmt::print("{:<45} {:>12} {:>11} result, most memory (with the model's tokenizer)\n", "", "compile", "mask, most");
  std::fflush(stdout);
  for (const Hostile& hostile : hostile_grammars()) {
    const pid_t child = fork();
    if (child == 0) {
      measure(hostile, *text->tokenizer);
      std::fflush(stdout);
      _exit(0);
    }
    int status = 0;
    rusage usage{};
    if (child < 0 || wait4(child, &status, 0, &usage) != child) return 1;
    fmt::print("{}, {} MB\n", status == 0 ? "" : " DIED", usage.ru_maxrss / 1024);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace braid

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: grammar_limits MODEL\n");
    return 2;
  }
  return braid::run(argv[1]);
}
