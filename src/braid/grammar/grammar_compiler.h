// Compiles what requests ask for, and keeps what was compiled: equal requests share one grammar, whoever else still
// uses it. For one tokenizer; from any thread, on the caller's. Errors are values, and say what cannot be done.
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
    // What is not in use is kept, the last used ones, so many and up to so many bytes of all grammars together.
    size_t max_kept = 1024;
    int64_t max_kept_bytes = int64_t{256} << 20;
    // Above this, in use or not, no further one is compiled.
    int64_t max_bytes = int64_t{1} << 30;
  };
  explicit GrammarCompiler(const Tokenizer& tokenizer);
  GrammarCompiler(const Tokenizer& tokenizer, const Limits& limits);
  ~GrammarCompiler();

  // Of all grammars that live, what was found out about them included.
  int64_t num_bytes() const;
  // Whether an error speaks of max_bytes: when requests have ended, it will be another matter.
  static bool is_no_room(const Error& error);

  Compiled json_object();  // any JSON object
  // A value that satisfies it (json/schema_compiler.h), and this text behind it.
  Compiled json_schema(const Json& schema, std::string_view end = {});
  // One of these objects, whose schemas are in the document (json/tagged_objects.h).
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

  const Limits limits_;
  const std::shared_ptr<MemoryMeter> meter_;
  const std::shared_ptr<const grammar::Vocabulary> vocabulary_;
  const std::shared_ptr<grammar::SharedLocalMasks> shared_masks_;
  std::mutex mutex_;
  std::condition_variable compiled_;
  Entries kept_;                                                   // the last used first
  Entries unkept_;                                                 // while others use them
  std::unordered_map<std::string_view, Entries::iterator> index_;  // of both, by their keys
};

}  // namespace braid
