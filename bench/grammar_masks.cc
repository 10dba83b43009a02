// The cost of structured output: the time to compile ordinary schemas, and the time for the masks of 32 streams in one
// step, compared with the time of a decode step.
//
//   grammar_masks MODEL [--vocab-size 151936] [--streams 32] [--step-ms 30] [--json]
//
// Each stream writes a document of its own schema, token by token as the tokenizer divides it. `--vocab-size` extends
// the vocabulary with joined pairs of its tokens.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "bench/filled_up_tokenizer.h"
#include "braid/api/text_model.h"
#include "braid/base/clock.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/grammar/grammar_matcher.h"

namespace braid {
namespace {

struct Options {
  std::string model_path;
  int64_t vocab_size = 0;
  int num_streams = 32;
  double step_ms = 30;
  bool as_json = false;
};

struct Stream {
  std::string name;
  std::string schema;
  std::string document;
};

// Typical schemas: flat and nested objects, lists, enums, lengths, patterns, recursion, free JSON.
std::vector<Stream> ordinary_streams() {
  const std::string text =
      "The quick brown fox jumps over the lazy dog, while the band plays \\\"on and on\\\" in caf\u00e9s. ";
  return {
      {"person",
       R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},"email":{"type":"string","format":"email"},"bio":{"type":"string"}},"required":["name","age","email","bio"],"additionalProperties":false})",
       R"({"name": "Ada Lovelace", "age": 36, "email": "ada@example.com", "bio": ")" + text + text + "\"}"},
      {"invoice",
       R"({"type":"object","properties":{"id":{"type":"string","pattern":"^[A-Z]{3}-[0-9]{4}$"},"lines":{"type":"array","items":{"type":"object","properties":{"what":{"type":"string","maxLength":60},"price":{"type":"number","minimum":0},"count":{"type":"integer"}},"required":["what","price","count"]},"minItems":1,"maxItems":20},"paid":{"type":"boolean"}},"required":["id","lines","paid"]})",
       R"({"id": "ABC-1234", "lines": [{"what": "A chair with four legs", "price": 49.5, "count": 2}, {"what": "A table", "price": 120, "count": 1}, {"what": "Delivery to the third floor", "price": 15.25, "count": 1}], "paid": false})"},
      {"pretty",
       R"({"type":"object","properties":{"title":{"type":"string","minLength":1,"maxLength":100},"kind":{"enum":["article","book","film","song"]},"year":{"type":"integer"},"summary":{"type":"string","maxLength":400}},"required":["title","kind","year","summary"]})",
       "{\n  \"title\": \"A Short History of Nearly Nothing\",\n  \"kind\": \"book\",\n  \"year\": 1987,\n  "
       "\"summary\": \"" +
           text + "\"\n}"},
      {"tree",
       R"({"$defs":{"node":{"type":"object","properties":{"label":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["label","children"]}},"$ref":"#/$defs/node"})",
       R"({"label": "root", "children": [{"label": "first branch", "children": [{"label": "a leaf", "children": []}]}, {"label": "second branch", "children": []}]})"},
      {"dictionary",
       R"({"type":"object","additionalProperties":{"type":"object","properties":{"count":{"type":"integer"},"note":{"type":["string","null"]}},"required":["count","note"]}})",
       R"({"apples": {"count": 3, "note": null}, "oranges": {"count": 12, "note": "from the market on the corner"}, "something else": {"count": 0, "note": "none left"}})"},
      {"choice",
       R"({"anyOf":[{"type":"object","properties":{"tool":{"const":"search"},"query":{"type":"string"}},"required":["tool","query"]},{"type":"object","properties":{"tool":{"const":"answer"},"text":{"type":"string"},"sources":{"type":"array","items":{"type":"string","format":"uri"}}},"required":["tool","text","sources"]}]})",
       R"({"tool": "answer", "text": ")" + text +
           R"(", "sources": ["https://example.com/a/b?c=d", "https://example.org/"]})"},
      {"anything", R"({"type":"object"})",
       R"({"a": [1, 2.5, -3e2, true, null], "text": ")" + text +
           R"(", "deep": {"er": {"and": ["deeper", {"still": "\u00e9\n"}]}}})"},
      {"times",
       R"({"type":"array","items":{"type":"object","properties":{"at":{"type":"string","format":"date-time"},"id":{"type":"string","format":"uuid"},"level":{"enum":["info","warning","error"]}},"required":["at","id","level"]}})",
       R"([{"at": "2024-02-29T12:34:56Z", "id": "123e4567-e89b-12d3-a456-426614174000", "level": "info"}, {"at": "2024-03-01T00:00:00.5+01:00", "id": "00000000-0000-4000-8000-000000000000", "level": "error"}])"},
  };
}

double percentile(std::vector<double> values, double part) {
  std::ranges::sort(values);
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The times of each step's masks, in milliseconds, for streams that start together. A stream that ends starts again.
std::vector<double> step_times(const Options& options, const Tokenizer& tokenizer, GrammarCompiler& compiler,
                               int num_steps) {
  struct Running {
    std::vector<TokenId> tokens;
    std::shared_ptr<const CompiledGrammar> grammar;
    std::optional<GrammarMatcher> matcher;
    size_t next = 0;
  };
  const std::vector<Stream> kinds = ordinary_streams();
  std::vector<Running> streams(static_cast<size_t>(options.num_streams));
  for (size_t i = 0; i < streams.size(); ++i) {
    const Stream& kind = kinds[i % kinds.size()];
    streams[i].tokens = tokenizer.encode(kind.document, false);
    streams[i].grammar = *compiler.json_schema(*parse_json(kind.schema));
    streams[i].matcher.emplace(streams[i].grammar, false);
    streams[i].next = 0;
  }
  std::vector<double> times;
  std::vector<uint32_t> mask(streams[0].matcher->mask_words());
  for (int step = 0; step < num_steps; ++step) {
    const double start = monotonic_seconds();
    for (Running& stream : streams) {
      const auto filled = stream.matcher->fill_mask(mask, {});
      CHECK(filled.ok(), "{}", filled.error().message);
    }
    times.push_back((monotonic_seconds() - start) * 1e3);
    for (Running& stream : streams) {
      const auto accepted = stream.matcher->accept(stream.tokens[stream.next]);
      CHECK(accepted.ok(), "{}", accepted.error().message);
      if (++stream.next < stream.tokens.size()) continue;
      CHECK(stream.matcher->is_complete());
      stream.matcher.emplace(stream.grammar, false);
      stream.next = 0;
    }
  }
  return times;
}

int run(const Options& options) {
  const auto text = load_text_model({.model_path = options.model_path});
  if (!text.ok()) {
    fmt::print(stderr, "error: {}\n", text.error().message);
    return 1;
  }
  const FilledUp tokenizer(*text->tokenizer, options.vocab_size);
  const double start = monotonic_seconds();
  GrammarCompiler compiler(tokenizer);
  const double vocabulary_ms = (monotonic_seconds() - start) * 1e3;
  std::vector<double> compile_ms;
  for (const Stream& stream : ordinary_streams()) {
    const double before = monotonic_seconds();
    const auto compiled = compiler.json_schema(*parse_json(stream.schema));
    CHECK(compiled.ok(), "{}: {}", stream.name, compiled.error().message);
    compile_ms.push_back((monotonic_seconds() - before) * 1e3);
  }
  constexpr int kNumSteps = 200;
  const std::vector<double> first = step_times(options, tokenizer, compiler, kNumSteps);
  const std::vector<double> again = step_times(options, tokenizer, compiler, kNumSteps);
  const double budget = options.step_ms / 10;
  if (options.as_json) {
    fmt::print(
        "{{\"vocab_size\": {}, \"vocabulary_ms\": {:.1f}, \"compile_ms_first\": {:.2f}, \"compile_ms_max_later\": "
        "{:.2f}, "
        "\"streams\": {}, \"step_ms\": {}, \"budget_ms\": {}, \"masks_ms_first_mean\": {:.3f}, \"masks_ms_first_max\": "
        "{:.3f}, "
        "\"masks_ms_mean\": {:.3f}, \"masks_ms_p99\": {:.3f}, \"part_of_step\": {:.4f}}}\n",
        tokenizer.vocab_size(), vocabulary_ms, compile_ms[0],
        *std::max_element(compile_ms.begin() + 1, compile_ms.end()), options.num_streams, options.step_ms, budget,
        mean(first), percentile(first, 1), mean(again), percentile(again, 0.99), mean(again) / options.step_ms);
    return 0;
  }
  fmt::print("vocabulary of {}: {:.0f} ms, once\n", tokenizer.vocab_size(), vocabulary_ms);
  fmt::print("compiling a schema: the first {:.1f} ms, others {:.1f} to {:.1f} ms (budget 100 ms)\n", compile_ms[0],
             *std::min_element(compile_ms.begin() + 1, compile_ms.end()),
             *std::max_element(compile_ms.begin() + 1, compile_ms.end()));
  fmt::print("masks of {} streams, a step of {} ms (budget {:.1f} ms):\n", options.num_streams, options.step_ms,
             budget);
  fmt::print("  new schemas      mean {:.3f} ms, p99 {:.3f}, most {:.3f}\n", mean(first), percentile(first, 0.99),
             percentile(first, 1));
  fmt::print("  schemas used before  mean {:.3f} ms, p99 {:.3f}, most {:.3f}: {:.1f} % of the step\n", mean(again),
             percentile(again, 0.99), percentile(again, 1), mean(again) / options.step_ms * 100);
  return 0;
}

}  // namespace
}  // namespace braid

int main(int argc, char** argv) {
  braid::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (argument == "--vocab-size") {
      options.vocab_size = std::atoll(value());
    } else if (argument == "--streams") {
      options.num_streams = std::max(1, std::atoi(value()));
    } else if (argument == "--step-ms") {
      options.step_ms = std::atof(value());
    } else if (argument == "--json") {
      options.as_json = true;
    } else {
      options.model_path = argument;
    }
  }
  if (options.model_path.empty()) {
    fmt::print(stderr, "usage: grammar_masks MODEL [--vocab-size N] [--streams N] [--step-ms X] [--json]\n");
    return 2;
  }
  return braid::run(options);
}
