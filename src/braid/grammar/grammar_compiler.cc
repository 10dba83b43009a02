#include "braid/grammar/grammar_compiler.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "braid/base/background.h"
#include "braid/grammar/automaton/look_around.h"
#include "braid/grammar/ebnf/ebnf_parser.h"
#include "braid/grammar/json/schema_compiler.h"
#include "braid/grammar/json/schema_keywords.h"
#include "braid/grammar/regex/regex_parser.h"

namespace braid {

using grammar::Grammar;

namespace {

constexpr size_t kMaxLookAroundWork = 16'000'000;
constexpr std::string_view kNoRoom = "the forms that running requests ask for take too much memory together";

}  // namespace

// The result for one source.
struct GrammarCompiler::Entry {
  Entry(std::string source, std::shared_ptr<MemoryMeter> meter) : key(std::move(source)), share(std::move(meter)) {
    share.set(static_cast<int64_t>(key.capacity() + sizeof(Entry)));
  }

  const std::string key;
  MemoryMeter::Share share;
  bool is_done = false;  // if not, the first caller is compiling it
  bool is_kept = true;
  std::optional<Compiled> compiled;             // if it is done and cached
  std::weak_ptr<const CompiledGrammar> in_use;  // if it is not cached
};

GrammarCompiler::GrammarCompiler(const Tokenizer& tokenizer, Warn warn)
    : GrammarCompiler(tokenizer, Limits{}, std::move(warn)) {}

GrammarCompiler::GrammarCompiler(const Tokenizer& tokenizer, const Limits& limits, Warn warn)
    : limits_(limits),
      warn_(std::move(warn)),
      meter_(std::make_shared<MemoryMeter>(limits.max_bytes / 2)),
      tokenizer_(tokenizer),
      shared_masks_(std::make_shared<grammar::SharedLocalMasks>()) {}

GrammarCompiler::~GrammarCompiler() = default;

int64_t GrammarCompiler::num_bytes() const {
  return meter_->num_bytes();
}

bool GrammarCompiler::is_no_room(const Error& error) {
  return error.message.starts_with(kNoRoom);
}

GrammarCompiler::Compiled GrammarCompiler::json_object() {
  return find_or_compile("json object", [] { return Result<Grammar>(grammar::json_object_grammar()); });
}

GrammarCompiler::Compiled GrammarCompiler::json_schema(const Json& schema, std::string_view end) {
  std::string key = fmt::format("schema:{}:{}", end.size(), end);
  key += schema.dump(-1, ' ', false, Json::error_handler_t::replace);
  return find_or_compile(std::move(key), [&]() -> Result<Grammar> {
    if (warn_) std::ranges::for_each(grammar::near_misses(schema), warn_);
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
  return find_or_compile("tagged:" + key.dump(-1, ' ', false, Json::error_handler_t::replace), [&] {
    if (warn_) std::ranges::for_each(grammar::near_misses(document), warn_);
    return grammar::compile_tagged_objects(document, objects, tags);
  });
}

GrammarCompiler::Compiled GrammarCompiler::regex(std::string_view pattern) {
  return find_or_compile("regex:" + std::string(pattern), [&]() -> Result<Grammar> {
    TRY(grammar::Expr body, grammar::parse_regex(pattern, {.looks_around = true}));
    if (grammar::has_look_around(*body)) {
      grammar::WorkBudget work(kMaxLookAroundWork, "the pattern's look-arounds are too much work");
      TRY(grammar::Dfa texts, grammar::dfa_with_look_around(body, work));
      body = grammar::automaton(std::move(texts), grammar::Spelling::kUtf8);
    }
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

// Finds the entry and makes it the most recently used. Null if there is none, or if its grammar no longer exists.
std::shared_ptr<GrammarCompiler::Entry> GrammarCompiler::find(const std::string& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  const std::shared_ptr<Entry> entry = *found->second;
  if (!entry->is_kept) {
    auto grammar = entry->in_use.lock();
    if (grammar == nullptr) return nullptr;
    entry->is_kept = true;
    entry->compiled = std::move(grammar);
    kept_.splice(kept_.begin(), unkept_, found->second);
  } else {
    kept_.splice(kept_.begin(), kept_, found->second);
  }
  return entry;
}

// Drops entries so that one more fits. The caller must destroy the returned entries without the lock.
GrammarCompiler::Entries GrammarCompiler::make_room() {
  Entries gone;
  const auto drop = [&](Entries& from, Entries::iterator entry) {
    index_.erase((*entry)->key);
    gone.splice(gone.end(), from, entry);
  };
  for (auto next = unkept_.begin(); next != unkept_.end();) {
    const auto entry = next++;
    if ((*entry)->in_use.expired()) drop(unkept_, entry);
  }
  const int64_t max_bytes = std::min(limits_.max_kept_bytes, limits_.max_bytes);
  int64_t freed_bytes = 0;
  for (auto next = kept_.end(); next != kept_.begin();) {
    const bool is_too_much = kept_.size() >= limits_.max_kept || meter_->num_bytes() - freed_bytes > max_bytes;
    if (!is_too_much) break;
    const auto entry = --next;
    std::optional<Compiled>& compiled = (*entry)->compiled;
    if (!compiled) continue;
    next = std::next(entry);
    const bool is_in_use = compiled->ok() && compiled->value().use_count() > 1;
    if (is_in_use) {
      (*entry)->in_use = compiled->value();
      (*entry)->is_kept = false;
      compiled.reset();
      unkept_.splice(unkept_.begin(), kept_, entry);
    } else {
      if (compiled->ok()) freed_bytes += compiled->value()->memory_bytes();
      drop(kept_, entry);
    }
  }
  return gone;
}

// Made for the first grammar: it takes tens of megabytes with the largest vocabularies, and many servers never need it.
void GrammarCompiler::make_vocabulary() {
  std::call_once(vocabulary_made_, [this] { vocabulary_ = std::make_shared<const grammar::Vocabulary>(tokenizer_); });
}

GrammarCompiler::Compiled GrammarCompiler::find_or_compile(std::string key, const Make& make) {
  std::shared_ptr<Entry> entry;
  {
    std::unique_lock lock(mutex_);
    for (bool has_made_room = false;; has_made_room = true) {
      while ((entry = find(key)) != nullptr) {
        if (entry->compiled) return *entry->compiled;
        compiled_.wait(lock, [&] { return entry->is_done; });
      }
      if (has_made_room) break;
      Entries gone = make_room();
      lock.unlock();
      gone.clear();
      lock.lock();
    }
    if (meter_->num_bytes() > limits_.max_bytes) {
      return fail("{}: {} MB, and {} may be had", kNoRoom, meter_->num_bytes() >> 20, limits_.max_bytes >> 20);
    }
    entry = std::make_shared<Entry>(std::move(key), meter_);
    kept_.push_front(entry);
    index_.emplace(entry->key, kept_.begin());
  }
  const auto compile = [&]() -> Compiled {
    TRY(const Grammar made, make());
    return CompiledGrammar::compile(made, vocabulary_, shared_masks_, meter_);
  };
  Compiled compiled = fail("not compiled");
  try {
    make_vocabulary();  // once, not in short turns: the first grammar would wait for it for seconds on a busy machine
    const ShortTurns turns;
    compiled = compile();
  } catch (const std::exception& exception) {  // e.g. out of memory: waiting callers must get an answer
    compiled = fail("the grammar cannot be compiled: {}", exception.what());
  }
  {
    const std::lock_guard lock(mutex_);
    entry->compiled = compiled;
    entry->is_done = true;
  }
  compiled_.notify_all();
  return compiled;
}

}  // namespace braid
