#include "braid/grammar/json/schema_compiler.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/automaton/components.h"

namespace braid::grammar {
namespace {

constexpr size_t kMaxSchemaRules = 20'000;

std::string conditions_key(const StringSchema& strings) {
  std::string key = fmt::format("{} {}", strings.min_length, strings.max_length.value_or(kUnbounded));
  for (const std::string& text : strings.patterns) key += fmt::format(" pattern {} {}", text.size(), text);
  for (const std::string& name : strings.formats) key += fmt::format(" format {}", name);
  return key;
}

}  // namespace

Result<Grammar> SchemaCompiler::compile() {
  TRY(const Expr whole, value_of({&document_.root()}));
  if (whole == nullptr) return fail("no value satisfies the schema");
  grammar_.root = grammar_.add({"the schema", whole});
  TRY_STATUS(finish_tasks());
  return std::move(grammar_);
}

Status SchemaCompiler::finish_tasks() {
  while (!tasks_.empty()) {
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    const std::vector<Schema> parts =
        task.schemas.size() == 1 ? document_.union_of(task.schemas.front()) : std::vector<Schema>();
    if (!parts.empty()) unions_.push_back(task.rule);
    TRY(grammar_.rules[static_cast<size_t>(task.rule)].body, parts.empty() ? body_of(task.schemas) : union_of(parts));
    if (rules_.size() > kMaxSchemaRules) return fail("the schema has more than {} different parts", kMaxSchemaRules);
  }
  return check_unions();
}

// An error if a union is one of its own parts.
Status SchemaCompiler::check_unions() const {
  std::vector<std::vector<int32_t>> parts(grammar_.rules.size());
  for (const RuleId rule : unions_) {
    const Expr& body = grammar_.rules[static_cast<size_t>(rule)].body;  // a reference, or a choice of several
    const auto note = [&](const Expr& part) {
      if (part->kind == Expression::Kind::kRule) parts[static_cast<size_t>(rule)].push_back(part->rule);
    };
    note(body);
    std::ranges::for_each(body->parts, note);
  }
  for (const std::vector<int32_t>& component : strong_components(parts)) {
    const auto first = static_cast<size_t>(component.front());
    if (component.size() == 1 && std::ranges::count(parts[first], component.front()) == 0) continue;
    return fail("schema {} refers to itself without end: no value stands between", grammar_.rules[first].name);
  }
  return {};
}

Result<Expr> SchemaCompiler::value_of(const SchemaSet& schemas) {
  SchemaSet saying;  // all schemas except `true`
  for (const Schema one : schemas) {
    const Schema schema = document_.same_schema(one);
    if (!schema->is_boolean()) {
      saying.push_back(schema);
    } else if (!schema->get<bool>()) {
      return Expr();
    }
  }
  saying = schema_set(std::move(saying));
  if (saying.empty()) return json_.value();
  const auto [found, is_new] = rules_.emplace(lookup_key(saying), static_cast<RuleId>(grammar_.rules.size()));
  if (is_new) {
    grammar_.add({document_.path_of(saying.front()), no_text()});
    tasks_.push_back({found->second, std::move(saying)});
  }
  return rule_reference(found->second);
}

Result<Expr> SchemaCompiler::body_of(const SchemaSet& schemas) {
  TRY(const std::vector<AtomList> alternatives, alternatives_of(document_, schemas));
  std::vector<Expr> branches;
  for (const AtomList& atoms : alternatives) {
    TRY(const MergedSchema merged, merge(document_, atoms));
    TRY(Expr branch, body_of(merged));
    branches.push_back(std::move(branch));
  }
  return choice(std::move(branches));
}

// Each of them is compiled once, however many unions it is in: often one of null and an object that others name too.
Result<Expr> SchemaCompiler::union_of(const std::vector<Schema>& schemas) {
  std::vector<Expr> branches;
  for (const Schema schema : schemas) {
    TRY(Expr branch, value_of({schema}));
    if (branch != nullptr) branches.push_back(std::move(branch));
  }
  return choice(std::move(branches));
}

Result<Expr> SchemaCompiler::body_of(const MergedSchema& schema) {
  std::vector<Expr> branches;
  if (schema.values) {
    for (const Json* value : *schema.values) branches.push_back(json_.literal(*value));
    return choice(std::move(branches));
  }
  const auto has = [&](TypeSet type) { return (schema.types & type) != 0; };
  if (has(kObject)) {
    TRY(Expr object, object_body(schema));
    branches.push_back(std::move(object));
  }
  if (has(kArray)) {
    TRY(Expr array, array_body(schema));
    branches.push_back(std::move(array));
  }
  if (has(kString)) {
    TRY(Expr string, string_body(schema));
    branches.push_back(std::move(string));
  }
  if (has(kNumber)) {
    TRY(Expr number, number_body(schema));
    branches.push_back(std::move(number));
  }
  if (has(kBoolean)) branches.push_back(schema.only_boolean ? json_.literal(*schema.only_boolean) : json_.boolean());
  if (has(kNull)) branches.push_back(json_.null());
  return choice(std::move(branches));
}

Result<Expr> SchemaCompiler::number_body(const MergedSchema& schema) {
  if (schema.numbers.is_free()) return schema.numbers.is_integer ? json_.integer() : json_.number();
  auto dfa = document_.automata().numbers(schema.numbers);
  if (!dfa.ok()) return fail("schema {}: {}", schema.path, dfa.error().message);
  Expr& rule = numbers_[dfa->get()];
  if (rule == nullptr) rule = as_rule(schema.path + " (a number)", automaton(*dfa, Spelling::kUtf8));
  return rule;
}

Result<Expr> SchemaCompiler::string_body(const MergedSchema& schema) {
  if (schema.strings.is_free()) return json_.string();
  StringSchema strings = schema.strings;
  add_absence(strings);
  Expr own;
  const bool may_recur = strings.conditions.empty() && strings.has_condition();
  Expr& text = may_recur ? texts_[conditions_key(strings)] : own;
  if (text != nullptr) return json_.quoted(text);
  auto content = string_content(strings, json_.character(), document_.automata());
  if (!content.ok()) return fail("schema {}: {}", schema.path, content.error().message);
  if (*content == nullptr) return no_text();
  // A separate rule, because a pattern's anchors refer to the content alone.
  text = strings.has_condition() ? as_rule(schema.path + " (its text)", *content) : *content;
  return json_.quoted(text);
}

void SchemaCompiler::add_absence(StringSchema& strings) const {
  const std::string& absent = json_.absent();
  const bool is_short = strings.max_length && *strings.max_length < absent.size();
  if (!absent.empty() && !is_short) strings.conditions.push_back(texts_without(absent));
}

Expr SchemaCompiler::as_rule(std::string name, Expr body, RuleMark mark) {
  return rule_reference(grammar_.add({.name = std::move(name), .body = std::move(body), .mark = mark}));
}

Result<Grammar> compile_json_schema(const Json& schema) {
  TRY(SchemaDocument document, SchemaDocument::of(schema));
  return SchemaCompiler(document).compile();
}

Grammar json_object_grammar() {
  Grammar grammar;
  const Expr object = JsonRules(grammar).any_object();
  grammar.root = grammar.add({"a JSON object", object});
  return grammar;
}

}  // namespace braid::grammar
