#include "braid/grammar/grammar_compiler.h"

#include <exception>
#include <optional>
#include <utility>

#include "braid/grammar/ebnf/ebnf_parser.h"
#include "braid/grammar/json/schema_compiler.h"
#include "braid/grammar/regex/regex_parser.h"

namespace braid {

using grammar::Grammar;

// What one source compiles to: nothing yet while the first who asked is at it.
struct GrammarCompiler::Entry {
  std::string key;
  std::optional<Compiled> compiled;
};

GrammarCompiler::GrammarCompiler(const Tokenizer& tokenizer, size_t max_kept)
    : vocabulary_(std::make_shared<const grammar::Vocabulary>(tokenizer)),
      shared_masks_(std::make_shared<grammar::SharedLocalMasks>()),
      max_kept_(max_kept) {}

GrammarCompiler::~GrammarCompiler() = default;

GrammarCompiler::Compiled GrammarCompiler::json_object() {
  return find_or_compile("json object", [] { return Result<Grammar>(grammar::json_object_grammar()); });
}

GrammarCompiler::Compiled GrammarCompiler::json_schema(const Json& schema, std::string_view end) {
  std::string key = fmt::format("schema:{}:{}", end.size(), end);
  key += schema.dump(-1, ' ', false, Json::error_handler_t::replace);
  return find_or_compile(std::move(key), [&]() -> Result<Grammar> {
    TRY(Grammar made, grammar::compile_json_schema(schema));
    if (end.empty()) return made;
    made.root = made.add(
        {"the schema and what follows", grammar::sequence({grammar::rule_reference(made.root), grammar::bytes(end)})});
    return made;
  });
}

GrammarCompiler::Compiled GrammarCompiler::tagged_objects(const Json& document,
                                                          std::span<const grammar::TaggedObject> objects,
                                                          const grammar::MemberTags& tags) {
  const Json written_as = {tags.key_open, tags.key_close, tags.value_open, tags.value_close, tags.has_lines};
  Json key = Json::array({document, written_as});
  for (const grammar::TaggedObject& object : objects) {
    key.push_back(Json::array({object.begin, object.end, object.schema, object.kinds}));
  }
  return find_or_compile("tagged:" + key.dump(-1, ' ', false, Json::error_handler_t::replace),
                         [&] { return grammar::compile_tagged_objects(document, objects, tags); });
}

GrammarCompiler::Compiled GrammarCompiler::regex(std::string_view pattern) {
  return find_or_compile("regex:" + std::string(pattern), [&]() -> Result<Grammar> {
    TRY(grammar::Expr body, grammar::parse_regex(pattern, {}));
    return Grammar{.rules = {{"regex", std::move(body)}}};
  });
}

GrammarCompiler::Compiled GrammarCompiler::ebnf(std::string_view source) {
  return find_or_compile("ebnf:" + std::string(source), [&] { return grammar::parse_ebnf(source); });
}

GrammarCompiler::Compiled GrammarCompiler::choice(std::span<const std::string> texts) {
  std::string key = "choice:";
  for (const std::string& text : texts) key += fmt::format("{}:{}", text.size(), text);
  return find_or_compile(std::move(key), [&]() -> Result<Grammar> {
    if (texts.empty()) return fail("a choice of no texts: at least 1");
    std::vector<grammar::Expr> branches;
    for (const std::string& text : texts) branches.push_back(grammar::bytes(text));
    return Grammar{.rules = {{"choice", grammar::choice(std::move(branches))}}};
  });
}

GrammarCompiler::Compiled GrammarCompiler::find_or_compile(std::string key, const Make& make) {
  std::shared_ptr<Entry> entry;
  {
    std::unique_lock lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      entry = *found->second;
      compiled_.wait(lock, [&] { return entry->compiled.has_value(); });
      return *entry->compiled;
    }
    entry = std::make_shared<Entry>(Entry{.key = std::move(key), .compiled = std::nullopt});
    entries_.push_front(entry);
    index_.emplace(entry->key, entries_.begin());
    while (entries_.size() > max_kept_) {  // who waits for one, or uses it, has it still
      index_.erase(entries_.back()->key);
      entries_.pop_back();
    }
  }
  const auto compile = [&]() -> Compiled {
    TRY(const Grammar made, make());
    return CompiledGrammar::compile(made, vocabulary_, shared_masks_);
  };
  Compiled compiled = fail("not compiled");
  try {
    compiled = compile();
  } catch (const std::exception& exception) {  // no memory, say: whoever waits must hear of it
    compiled = fail("the grammar cannot be compiled: {}", exception.what());
  }
  {
    const std::lock_guard lock(mutex_);
    entry->compiled = compiled;
  }
  compiled_.notify_all();
  return compiled;
}

}  // namespace braid
