// A filter for tests. Reads JSON schemas, one {"schema": …, "seed": …} per line. Draws a random text through each
// schema's masks, over the vocabulary of a tokenizer.json. Prints one {"text": …}, {"error": …} or {"unfinished": …}
// per line.
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "braid/grammar/grammar_compiler.h"
#include "braid/grammar/grammar_matcher.h"
#include "braid/grammar/mask/vocabulary.h"

namespace braid {
namespace {

constexpr int kMaxTokens = 600;

// A random allowed token, often one that begins with a closing or separating character: else texts would not end.
TokenId pick(const std::vector<uint32_t>& mask, const grammar::Vocabulary& vocabulary, std::mt19937& random) {
  std::vector<TokenId> allowed;
  std::vector<TokenId> closing;
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (!grammar::has_bit(mask, id)) continue;
    allowed.push_back(id);
    if (std::string_view("\"}],: \n").find(vocabulary.bytes(id)[0]) != std::string_view::npos) closing.push_back(id);
  }
  const auto& from = !closing.empty() && random() % 5 < 2 ? closing : allowed;
  return from[random() % from.size()];
}

Json sample(const Json& request, GrammarCompiler& compiler, const grammar::Vocabulary& vocabulary) {
  const auto compiled = compiler.json_schema(request["schema"]);
  if (!compiled.ok()) return {{"error", compiled.error().message}};
  GrammarMatcher matcher(*compiled, false);
  std::vector<uint32_t> mask(matcher.mask_words());
  std::mt19937 random(request["seed"].get<uint32_t>());
  std::string text;
  for (int i = 0; i < kMaxTokens; ++i) {
    if (matcher.is_complete() && (!matcher.can_continue() || random() % 2 == 0)) return {{"text", text}};
    if (const auto filled = matcher.fill_mask(mask, {}); !filled.ok()) return {{"error", filled.error().message}};
    const TokenId token = pick(mask, vocabulary, random);
    if (const auto accepted = matcher.accept(token); !accepted.ok()) return {{"error", accepted.error().message}};
    text += vocabulary.bytes(token);
  }
  return {{"unfinished", text}};
}

int run(const char* tokenizer_path) {
  std::ifstream file(tokenizer_path, std::ios::binary);
  std::stringstream json;
  json << file.rdbuf();
  const auto tokenizer = make_tokenizer_from_json(json.str());
  if (!tokenizer.ok()) {
    fmt::print(stderr, "{}: {}\n", tokenizer_path, tokenizer.error().message);
    return 1;
  }
  const grammar::Vocabulary vocabulary(**tokenizer);
  GrammarCompiler compiler(**tokenizer);
  for (std::string line; std::getline(std::cin, line);) {
    const auto request = parse_json(line);
    const Json answer =
        request.ok() ? sample(*request, compiler, vocabulary) : Json{{"error", request.error().message}};
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace braid

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: sample_grammar TOKENIZER.json < requests.jsonl\n");
    return 2;
  }
  return braid::run(argv[1]);
}
