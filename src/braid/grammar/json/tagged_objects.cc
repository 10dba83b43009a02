#include "braid/grammar/json/tagged_objects.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "braid/grammar/json/schema_compiler.h"
#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

constexpr uint32_t kMaxFreeKey = 64;  // characters of a key that no schema names

Expr line_break() {
  return optional(bytes("\n"));
}

// The texts that a reader takes for a value of one of these types instead of a string; nothing if there are none.
std::optional<StringSchema> texts_read_as(TypeSet kinds) {
  std::string values;
  const auto add = [&](TypeSet kind, std::string_view pattern) {
    if ((kinds & kind) != 0) values.append(values.empty() ? "" : "|").append(pattern);
  };
  add(kNull, "null|None");
  add(kBoolean, "true|false|True|False");
  add(kNumber, R"(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+\-]?[0-9]+)?)");
  add(kArray, R"(\[([^x]|x)*)");
  add(kObject, R"(\{([^x]|x)*)");
  if (values.empty()) return std::nullopt;
  const std::string space = "[ \\t\\r\\n]*";
  const std::string pattern = "^" + space + "\xEF\xBB\xBF?" + space + "(" + values + ")" + space + "$";
  return StringSchema{.max_length = {}, .patterns = {pattern}, .formats = {}, .conditions = {}};
}

Expr joined(const std::vector<std::string>& parts) {
  std::vector<Expr> all;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) all.push_back(line_break());
    if (!parts[i].empty()) all.push_back(bytes(parts[i]));
  }
  return sequence(std::move(all));
}

}  // namespace

Result<Grammar> SchemaCompiler::compile(std::span<const TaggedObject> objects, const MemberTags& tags) {
  std::vector<Expr> branches;
  for (const TaggedObject& object : objects) {
    if (object.schema.empty()) {
      branches.push_back(joined(object.begin));
      continue;
    }
    TRY(const Schema schema, document_.resolve(object.schema));
    TRY(Expr members, tagged_members(schema, object, tags));
    branches.push_back(
        sequence({joined(object.begin), line_break(), as_rule(object.schema, std::move(members)), joined(object.end)}));
  }
  grammar_.root = grammar_.add({"a tagged object", choice(std::move(branches))});
  TRY_STATUS(finish_tasks());
  return std::move(grammar_);
}

Result<Expr> SchemaCompiler::tagged_members(Schema schema, const TaggedObject& object, const MemberTags& tags) {
  const auto kinds_of = [&](const std::string& name) {
    const auto found = object.kinds.find(name);
    return found == object.kinds.end() ? kAnyType : found->second;
  };
  TRY(const std::vector<AtomList> alternatives, alternatives_of(document_, schema_set({schema})));
  std::vector<Expr> branches;
  for (const AtomList& atoms : alternatives) {
    TRY(const MergedSchema merged, merge(document_, atoms));
    if (merged.values) {
      return fail("schema {}: \"enum\" and \"const\" of whole arguments cannot be enforced in this model's format",
                  merged.path);
    }
    if ((merged.types & kObject) == 0) continue;
    const MemberStyle style = {
        .member = [&](const std::string& name, const SchemaSet& schemas) -> Result<Expr> {
          if (name.find(tags.key_close) != std::string::npos || name.size() > tags.max_key_bytes) {
            return fail("schema {}: the property \"{}\" cannot be written in this model's format, {}…{}", merged.path,
                        excerpt(name), tags.key_open, tags.key_close);
          }
          return tagged_member(bytes(name), schemas, kinds_of(name), tags);
        },
        .free_member = [&](const FreeMember& free) -> Result<Expr> {
          StringSchema key = free.key;
          key.min_length = std::max(key.min_length, 1U);
          key.max_length = std::min(key.max_length.value_or(kMaxFreeKey), kMaxFreeKey);
          key.conditions.push_back(texts_without(tags.key_close));
          key.conditions.push_back(texts_without("\n"));
          auto dfa = document_.automata().strings(key);
          if (!dfa.ok()) return fail("schema {}: its keys: {}", merged.path, dfa.error().message);
          if ((*dfa)->is_empty()) return Expr();
          return tagged_member(automaton(*dfa, Spelling::kUtf8), free.schemas, kAnyType, tags);
        },
        .separator = empty_text(),
        .object = [](Expr members,
                     bool may_be_empty) { return may_be_empty ? optional(std::move(members)) : std::move(members); }};
    TRY(Expr branch, object_body(merged, style));
    branches.push_back(std::move(branch));
  }
  return choice(std::move(branches));
}

Result<Expr> SchemaCompiler::tagged_member(Expr key, const SchemaSet& schemas, TypeSet kinds, const MemberTags& tags) {
  TRY(Expr value, tagged_value(schemas, kinds, tags));
  if (value == nullptr) return value;
  std::vector<Expr> parts = {bytes(tags.key_open), std::move(key), bytes(tags.key_close)};
  if (!tags.value_open.empty()) {
    parts.push_back(line_break());
    parts.push_back(bytes(tags.value_open));
  }
  if (tags.has_lines) parts.push_back(bytes("\n"));
  parts.push_back(std::move(value));
  parts.push_back(bytes((tags.has_lines ? "\n" : "") + tags.value_close));
  parts.push_back(line_break());
  return sequence(std::move(parts));
}

Result<Expr> SchemaCompiler::tagged_value(const SchemaSet& schemas, TypeSet kinds, const MemberTags& tags) {
  TRY(const std::vector<AtomList> alternatives, alternatives_of(document_, schemas));
  std::vector<Expr> branches;
  for (const AtomList& atoms : alternatives) {
    TRY(const MergedSchema merged, merge(document_, atoms));
    if (merged.values) {
      TRY(std::vector<Expr> constants, tagged_constants(merged, kinds, tags));
      branches.insert(branches.end(), constants.begin(), constants.end());
      continue;
    }
    if ((merged.types & kString) != 0) {
      auto string = tagged_string(merged.strings, kinds, tags);
      if (!string.ok()) return fail("schema {}: {}", merged.path, string.error().message);
      if (*string != nullptr) branches.push_back(*std::move(string));
    }
    if ((merged.types & kBoolean) != 0) {
      if (merged.only_boolean != false) branches.push_back(bytes("True"));
      if (merged.only_boolean != true) branches.push_back(bytes("False"));
    }
    if ((merged.types & kNull) != 0) branches.push_back(bytes("None"));
    MergedSchema others = merged;
    others.types &= static_cast<TypeSet>(~kString);
    if (others.types == 0) continue;
    TRY(Expr json, body_of(others));
    branches.push_back(std::move(json));
  }
  return branches.empty() ? Expr() : choice(std::move(branches));
}

// The listed values that can be written between tags.
Result<std::vector<Expr>> SchemaCompiler::tagged_constants(const MergedSchema& schema, TypeSet kinds,
                                                           const MemberTags& tags) {
  const TextMatcher* others = nullptr;
  if (const auto texts = texts_read_as(kinds)) {
    TRY(others, document_.automata().matcher(*texts));
  }
  std::vector<Expr> constants;
  for (const Json* value : *schema.values) {
    if (!value->is_string()) {
      constants.push_back(json_.literal(*value));
      if (value->is_boolean()) constants.push_back(bytes(value->get<bool>() ? "True" : "False"));
      if (value->is_null()) constants.push_back(bytes("None"));
      continue;
    }
    const auto& text = value->get_ref<const std::string&>();
    if (text.find(tags.value_close) != std::string::npos || (others != nullptr && others->matches(text))) continue;
    constants.push_back(text.empty() ? empty_text() : bytes(text));
  }
  return constants;
}

Result<Expr> SchemaCompiler::tagged_string(StringSchema strings, TypeSet kinds, const MemberTags& tags) {
  Dfa others;
  if (const auto texts = texts_read_as(kinds)) {
    TRY(others, document_.automata().strings(*texts));
  }
  if (strings.is_free() && others == nullptr) {
    const std::string name = "text without " + tags.value_close;
    if (tagged_text_ < 0) {
      tagged_text_ = grammar_.add({name, automaton(texts_without(tags.value_close), Spelling::kUtf8), name});
    }
    return rule_reference(tagged_text_);
  }
  const bool is_short = strings.max_length && *strings.max_length < tags.value_close.size();
  if (!is_short) strings.conditions.push_back(texts_without(tags.value_close));
  if (others != nullptr) {
    TRY(Dfa read_as_strings, complement(*others, document_.automata().work()));
    strings.conditions.push_back(std::move(read_as_strings));
  }
  TRY(Dfa dfa, document_.automata().strings(strings));
  return dfa->is_empty() ? Expr() : automaton(std::move(dfa), Spelling::kUtf8);
}

Result<Grammar> compile_tagged_objects(const Json& document, std::span<const TaggedObject> objects,
                                       const MemberTags& tags) {
  TRY(SchemaDocument parts, SchemaDocument::of(document));
  return SchemaCompiler(parts, tags.value_close).compile(objects, tags);
}

}  // namespace braid::grammar
