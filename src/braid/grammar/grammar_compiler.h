// Compiles the grammars that requests ask for, and caches them: equal requests share one grammar. Works for one
// tokenizer, from any thread; the caller's compiles, in short turns (base/background.h). Errors say what is not
// supported. Tested by grammar_compiler_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/grammar/compiled_grammar.h"
#include "braid/grammar/json/tagged_objects.h"
#include "braid/grammar/memory_meter.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

class GrammarCompiler {
 public:
  using Compiled = Result<std::shared_ptr<const CompiledGrammar>>;

  struct Limits {
    // The most recently used grammars stay cached, up to max_kept of them, and while all grammars together take at most
    // max_kept_bytes.
    size_t max_kept = 1024;
    int64_t max_kept_bytes = int64_t{256} << 20;
    // If all grammars, in use or not, take more than this, no further one is compiled.
    int64_t max_bytes = int64_t{1} << 30;
  };
  // Called, on the thread that compiles, with what is odd about a form but no error.
  using Warn = std::function<void(const std::string& message)>;
  explicit GrammarCompiler(const Tokenizer& tokenizer, Warn warn = {});
  GrammarCompiler(const Tokenizer& tokenizer, const Limits& limits, Warn warn = {});
  ~GrammarCompiler();

  // The size of all living grammars, with their caches.
  int64_t num_bytes() const;
  // True for the error about max_bytes: a retry can succeed after other requests have ended.
  static bool is_no_room(const Error& error);

  Compiled json_object();  // any JSON object
  // A value that satisfies `schema` (json/schema_compiler.h), followed by the text `end`.
  Compiled json_schema(const Json& schema, std::string_view end = {});
  // One of `objects`, whose schemas are in `document` (json/tagged_objects.h).
  Compiled tagged_objects(const Json& document, std::span<const grammar::TaggedObject> objects,
                          const grammar::MemberTags& tags);
  Compiled regex(std::string_view pattern);             // the whole text (regex/regex_parser.h)
  Compiled ebnf(std::string_view source);               // from the rule "root" (ebnf/ebnf_parser.h)
  Compiled choice(std::span<const std::string> texts);  // exactly one of them

 private:
  struct Entry;
  using Entries = std::list<std::shared_ptr<Entry>>;
  using Make = std::function<Result<grammar::Grammar>()>;

  Compiled find_or_compile(std::string key, const Make& make);
  std::shared_ptr<Entry> find(const std::string& key);
  Entries make_room();
  void make_vocabulary();

  const Limits limits_;
  const Warn warn_;
  const std::shared_ptr<MemoryMeter> meter_;
  const Tokenizer& tokenizer_;
  std::once_flag vocabulary_made_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;  // null before the first grammar
  const std::shared_ptr<grammar::SharedLocalMasks> shared_masks_;
  std::mutex mutex_;
  std::condition_variable compiled_;
  Entries kept_;                                                   // most recently used first
  Entries unkept_;                                                 // no longer cached, but in use
  std::unordered_map<std::string_view, Entries::iterator> index_;  // of both lists, by key
};

}  // namespace braid
