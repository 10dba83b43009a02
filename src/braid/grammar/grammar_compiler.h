// Compiles what requests ask for, and keeps what was compiled: equal requests share one grammar. For one tokenizer;
// from any thread, on the caller's. Errors are values, and say what cannot be done.
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
#include "braid/tokenizer/tokenizer.h"

namespace braid {

class GrammarCompiler {
 public:
  using Compiled = Result<std::shared_ptr<const CompiledGrammar>>;

  // `max_kept`: so many grammars are kept beside those in use, the last used ones.
  explicit GrammarCompiler(const Tokenizer& tokenizer, size_t max_kept = 64);
  ~GrammarCompiler();

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
  using Make = std::function<Result<grammar::Grammar>()>;

  Compiled find_or_compile(std::string key, const Make& make);

  const std::shared_ptr<const grammar::Vocabulary> vocabulary_;
  const std::shared_ptr<grammar::SharedLocalMasks> shared_masks_;
  const size_t max_kept_;
  std::mutex mutex_;
  std::condition_variable compiled_;
  std::list<std::shared_ptr<Entry>> entries_;  // the last used first
  std::unordered_map<std::string, std::list<std::shared_ptr<Entry>>::iterator> index_;
};

}  // namespace braid
