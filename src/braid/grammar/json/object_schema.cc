// Objects: named properties in order, each at most once, then keys allowed by patterns or additionalProperties. Tested
// by schema_compiler_test.cc.
#include <algorithm>
#include <unordered_set>

#include "braid/grammar/json/schema_compiler.h"
#include "braid/grammar/json/schema_validator.h"
#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

constexpr size_t kMaxKinds = 64;  // of keys: which patterns they match
constexpr size_t kMaxCountedKeyNodes = 20'000;

// What conditions leave unsaid means nothing, so they neither close an object nor open it.
bool says_which_keys(const AtomList& atoms) {
  return std::ranges::any_of(atoms, [](const SchemaAtom* atom) {
    return !atom->is_condition && (atom->has_properties || !atom->pattern_properties.empty());
  });
}

bool speaks_of_others(const AtomList& atoms) {
  return std::ranges::any_of(
      atoms, [](const SchemaAtom* atom) { return !atom->is_condition && atom->additional_properties != nullptr; });
}

// Most closed objects say so. Then the automaton of all names but theirs would be made for nothing.
bool forbids_others(const AtomList& atoms) {
  return std::ranges::any_of(atoms, [](const SchemaAtom* atom) {
    const Schema others = atom->additional_properties;
    return others != nullptr && others->is_boolean() && !others->get<bool>();
  });
}

StringSchema matching_pattern(const std::string& pattern) {
  return {.max_length = {}, .patterns = {pattern}, .formats = {}, .conditions = {}};
}

}  // namespace

Result<Expr> SchemaCompiler::object_body(const MergedSchema& schema) {
  const auto member = [&](Expr key, const SchemaSet& schemas) -> Result<Expr> {
    TRY(Expr value, value_of(schemas));
    return value == nullptr ? value : sequence({std::move(key), json_.colon(), std::move(value)});
  };
  return object_body(
      schema,
      {.member = [&](const std::string& name, const SchemaSet& schemas) { return member(json_.key(name), schemas); },
       .free_member = [&](const FreeMember& free) -> Result<Expr> {
         TRY(Expr key, key_of(schema, free.key));
         return member(std::move(key), free.schemas);
       },
       .separator = json_.comma(),
       .object = [&](Expr members, bool may_be_empty) { return json_.object(std::move(members), may_be_empty); }});
}

// Members in order. Counts them if the schema bounds the count.
Result<Expr> SchemaCompiler::object_body(const MergedSchema& schema, const MemberStyle& style) {
  struct Property {
    std::string name;
    Expr member;  // null: must be absent
    bool is_required = false;
  };
  std::vector<Property> properties;
  std::unordered_set<std::string_view> seen;
  std::unordered_set<std::string_view> required;
  for (const SchemaAtom* atom : schema.atoms) required.insert(atom->required.begin(), atom->required.end());
  TRY(const std::vector<AtomList> closed_to, evaluating(schema, &SchemaAtom::closes_properties));
  bool is_open = (closed_to.empty() && !says_which_keys(schema.atoms)) || speaks_of_others(schema.atoms);
  const auto add_property = [&](std::string_view name, bool is_of_condition) -> Status {
    if (!seen.insert(name).second) return {};
    Property property{.name = std::string(name), .member = {}, .is_required = required.contains(name)};
    TRY(const std::optional<SchemaSet> schemas, schemas_of_property(schema, name));
    // A condition does not add a name to an object that has only its own.
    TRY(const bool is_allowed, is_evaluated(closed_to, name));
    if (schemas && is_allowed && (is_open || !is_of_condition || has_pattern_for(schema, name))) {
      TRY(property.member, style.member(property.name, *schemas));
    }
    properties.push_back(std::move(property));
    return {};
  };
  for (const bool is_condition : {false, true}) {
    for (const SchemaAtom* atom : schema.atoms) {
      if (atom->is_condition != is_condition) continue;
      for (const auto& [name, unused] : atom->properties) TRY_STATUS(add_property(name, is_condition));
    }
    for (const SchemaAtom* atom : schema.atoms) {
      if (atom->is_condition != is_condition) continue;
      for (const std::string_view name : atom->required) TRY_STATUS(add_property(name, is_condition));
    }
  }
  for (const std::string_view name : schema.forbidden_properties) TRY_STATUS(add_property(name, true));

  std::vector<std::string> named;
  uint32_t num_required = 0;
  uint32_t num_possible = 0;
  for (const Property& property : properties) {
    named.push_back(property.name);
    if (property.is_required && property.member == nullptr) return no_text();
    num_required += property.is_required ? 1 : 0;
    num_possible += property.member != nullptr ? 1 : 0;
  }
  is_open = is_open || (closed_to.empty() && schema.min_properties > num_possible);  // it needs more than it names
  TRY(const std::vector<FreeMember> free, free_members(schema, named, is_open));
  std::vector<Expr> free_branches;
  for (const FreeMember& member : free) {
    TRY(const Expr written, style.free_member(member));
    if (written != nullptr) free_branches.push_back(written);
  }
  const bool has_free = !free_branches.empty();
  const uint32_t min = std::max(schema.min_properties, num_required);
  const uint32_t max = schema.max_properties.value_or(kUnbounded);
  if (max < min || (!has_free && min > num_possible)) return no_text();
  const bool counts_low = min > num_required;
  const bool counts_high = max < num_possible || (has_free && max != kUnbounded);
  // Keys that are not named may repeat, so that all of them together are certainly one.
  if (has_free && counts_low && (min > num_possible + 1 || (counts_high && min > 1))) {
    return fail("schema {}: \"minProperties\": {} cannot be enforced beside keys that are not named: they may repeat",
                schema.path, schema.min_properties);
  }
  // Count only while the count can still be too low or too high.
  const bool is_counted = counts_low || counts_high;
  const uint32_t num_counts = !is_counted ? 1 : max != kUnbounded ? max + 1 : min + 1;
  if (properties.size() * num_counts > kMaxCountedKeyNodes || num_counts > kMaxCountedKeyNodes) {
    return fail("schema {}: \"minProperties\" and \"maxProperties\" over {} properties need too many states",
                schema.path, properties.size());
  }

  // Nodes by the number of members so far (up to num_counts - 1): `begin` where the next property or a later one
  // begins, at the start or behind a separator; each is also where the next of them begins, so edges are few.
  Graph graph;
  const auto count_after = [&](uint32_t count) {  // nothing if no further member is allowed
    if (!is_counted) return std::optional<uint32_t>(0);
    if (count + 1 < num_counts) return std::optional<uint32_t>(count + 1);
    return max == kUnbounded ? std::optional<uint32_t>(count) : std::nullopt;
  };
  using Nodes = std::vector<std::optional<uint32_t>>;
  const auto node_of = [&](Nodes& nodes, uint32_t count) {
    if (!nodes[count]) nodes[count] = graph.add_node();
    return *nodes[count];
  };
  const auto may_end = [&](uint32_t count) { return !counts_low || count >= min; };
  std::erase_if(properties, [](const Property& property) { return property.member == nullptr; });
  Nodes begin(num_counts);
  begin[0] = Graph::kStart;
  uint32_t num_required_left = num_required;
  for (size_t i = 0; i < properties.size(); ++i) {
    const Property& property = properties[i];
    const Expr member = is_counted ? as_rule(schema.path + "/" + property.name, property.member) : property.member;
    const bool is_last = i + 1 == properties.size() && !has_free;
    num_required_left -= property.is_required ? 1 : 0;
    Nodes next_begin(num_counts);
    Nodes ended(num_counts);
    for (uint32_t count = 0; count < num_counts; ++count) {
      const auto after = count_after(count);
      if (!begin[count] || !after) continue;
      graph.add_edge(*begin[count], node_of(ended, *after), member);
      if (!property.is_required && !is_last) graph.add_edge(*begin[count], node_of(next_begin, count));
    }
    for (uint32_t count = 0; count < num_counts; ++count) {
      if (!ended[count]) continue;
      if (count_after(count) && !is_last) graph.add_edge(*ended[count], node_of(next_begin, count), style.separator);
      if (num_required_left == 0 && may_end(count)) graph.add_edge(*ended[count], Graph::kEnd);
    }
    begin = std::move(next_begin);
  }
  if (has_free) {
    const Expr member = as_rule(schema.path + " (a further member)", choice(std::move(free_branches)));
    // With an upper bound each further member counts, else only the first one.
    const bool counts_once = is_counted && max == kUnbounded;
    Nodes ended(num_counts);
    for (uint32_t count = 0; count < num_counts; ++count) {
      const auto after = count_after(count);
      if (!begin[count] || !after) continue;
      const bool is_new = !ended[*after];
      const uint32_t node = node_of(ended, *after);
      graph.add_edge(*begin[count], node, member);
      if (!is_new) continue;
      if (counts_once) {
        const uint32_t again = graph.add_node();  // where a member begins that does not count
        graph.add_edge(node, again, style.separator);
        graph.add_edge(again, node, member);
      } else if (count_after(*after)) {
        graph.add_edge(node, node_of(begin, *after), style.separator);
      }
      if (may_end(*after)) graph.add_edge(node, Graph::kEnd);
    }
  }
  return style.object(graph.finish(), min == 0);
}

bool SchemaCompiler::has_pattern_for(const MergedSchema& schema, std::string_view name) {
  for (const SchemaAtom* atom : schema.atoms) {
    if (atom->is_condition) continue;
    for (const auto& [pattern, unused] : atom->pattern_properties) {
      const auto matcher = document_.automata().matcher(matching_pattern(pattern));
      if (matcher.ok() && (*matcher)->matches(name)) return true;
    }
  }
  return false;
}

Result<std::vector<AtomList>> SchemaCompiler::evaluating(const MergedSchema& schema, bool SchemaAtom::*closes) {
  std::vector<AtomList> all;
  for (const SchemaAtom* closing : schema.atoms) {
    if (!(closing->*closes)) continue;
    // Itself, and what it applies to the same value.
    std::unordered_set<const SchemaAtom*> applied = {closing};
    std::vector<const SchemaAtom*> open = {closing};
    while (!open.empty()) {
      const SchemaAtom* atom = open.back();
      open.pop_back();
      std::vector<Schema> next = {atom->consequence, atom->alternative};
      for (const auto* list : {&atom->all_of, &atom->any_of, &atom->one_of}) {
        next.insert(next.end(), list->begin(), list->end());
      }
      for (const auto& [name, dependent] : atom->dependent_schemas) next.push_back(dependent);
      if (atom->reference) {
        TRY(const Schema target, document_.resolve(*atom->reference, atom->source));
        next.push_back(target);
      }
      for (const Schema one : next) {
        if (one == nullptr || one->is_boolean()) continue;
        TRY_STATUS(document_.count_look());
        TRY(const SchemaAtom* found, document_.atom(one));
        if (applied.insert(found).second) open.push_back(found);
      }
    }
    AtomList& atoms = all.emplace_back();
    for (const SchemaAtom* atom : schema.atoms) {
      if (applied.contains(atom)) {
        atoms.push_back(atom);
      } else if (!atom->pattern_properties.empty() || atom->additional_properties != nullptr) {
        return fail(
            "schema {}: \"unevaluatedProperties\" beside another schema with patternProperties or additionalProperties "
            "is not supported",
            closing->path);
      }
    }
  }
  return all;
}

Result<bool> SchemaCompiler::is_evaluated(const std::vector<AtomList>& evaluating, std::string_view name) {
  for (const AtomList& atoms : evaluating) {
    bool is_so = false;
    for (const SchemaAtom* atom : atoms) {
      is_so = is_so || atom->property_index.contains(name) || atom->additional_properties != nullptr;
      for (const auto& [pattern, unused] : atom->pattern_properties) {
        const auto matcher = document_.automata().matcher(matching_pattern(pattern));
        if (!matcher.ok()) return fail("schema {}: \"patternProperties\": {}", atom->path, matcher.error().message);
        is_so = is_so || (*matcher)->matches(name);
      }
    }
    if (!is_so) return false;
  }
  return true;
}

// The schemas of all atoms for this property; nothing if its name is not allowed.
Result<std::optional<SchemaSet>> SchemaCompiler::schemas_of_property(const MergedSchema& schema,
                                                                     std::string_view name) {
  const std::optional<SchemaSet> nothing;
  if (std::ranges::find(schema.forbidden_properties, name) != schema.forbidden_properties.end()) return nothing;
  std::vector<Schema> schemas;
  for (const SchemaAtom* atom : schema.atoms) {
    if (atom->property_names != nullptr) {
      TRY(const bool is_name_valid, is_valid(document_, atom->property_names, Json(std::string(name))));
      if (!is_name_valid) return nothing;
    }
    bool is_matched = false;
    if (const auto found = atom->property_index.find(name); found != atom->property_index.end()) {
      schemas.push_back(found->second);
      is_matched = true;
    }
    for (const auto& [pattern, of_pattern] : atom->pattern_properties) {
      TRY_STATUS(document_.looks().spend(1 + name.size() / 16));
      const auto matcher = document_.automata().matcher(matching_pattern(pattern));
      if (!matcher.ok()) return fail("schema {}: \"patternProperties\": {}", atom->path, matcher.error().message);
      if (!(*matcher)->matches(name)) continue;
      schemas.push_back(of_pattern);
      is_matched = true;
    }
    if (!is_matched && atom->additional_properties != nullptr) schemas.push_back(atom->additional_properties);
  }
  return std::optional(schema_set(std::move(schemas)));
}

// One kind of key for each set of matching patterns, and one for keys that match none.
Result<std::vector<SchemaCompiler::FreeMember>> SchemaCompiler::free_members(const MergedSchema& schema,
                                                                             const std::vector<std::string>& named,
                                                                             bool is_open) {
  struct Pattern {
    std::string text;
    Dfa matching;
    Dfa others;
  };
  std::vector<Pattern> patterns;
  for (const SchemaAtom* atom : schema.atoms) {
    for (const auto& [text, unused] : atom->pattern_properties) {
      if (std::ranges::any_of(patterns, [&, &key = text](const Pattern& known) { return known.text == key; })) continue;
      auto matching = document_.automata().strings(matching_pattern(text));
      if (!matching.ok()) return fail("schema {}: \"patternProperties\": {}", atom->path, matching.error().message);
      TRY(Dfa others, document_.automata().all_but(*matching));
      patterns.push_back({text, *matching, std::move(others)});
    }
  }
  std::vector<FreeMember> members;
  const bool has_others = is_open && !forbids_others(schema.atoms);
  if (!has_others && patterns.empty()) return members;
  // The kinds of keys: which patterns they match, and all that they satisfy (null: any key).
  struct KeyKind {
    std::vector<bool> matched;
    Dfa keys;

    bool is_matched() const { return std::ranges::find(matched, true) != matched.end(); }
  };
  std::vector<KeyKind> kinds = {{{}, nullptr}};
  for (size_t i = 0; i < patterns.size(); ++i) {
    const Pattern& pattern = patterns[i];
    std::vector<KeyKind> split;
    for (const KeyKind& kind : kinds) {
      for (const bool is_matched : {true, false}) {
        KeyKind part = kind;
        part.matched.push_back(is_matched);
        const bool is_written = has_others || i + 1 < patterns.size() || part.is_matched();
        if (!is_written) continue;
        const Dfa& condition = is_matched ? pattern.matching : pattern.others;
        if (part.keys == nullptr) {
          part.keys = condition;
        } else {
          TRY(part.keys, document_.automata().both(part.keys, condition));
        }
        if (!part.keys->is_empty()) split.push_back(std::move(part));
      }
    }
    kinds = std::move(split);
    if (kinds.size() > kMaxKinds) {
      return fail("schema {}: \"patternProperties\": its patterns overlap in more than {} ways", schema.path,
                  kMaxKinds);
    }
  }
  // Only the names that match a kind's patterns are taken out of it: mostly none.
  for (KeyKind& kind : kinds) {
    std::vector<std::string> names;
    for (const std::string& name : named) {
      bool is_of_kind = true;
      for (size_t i = 0; i < patterns.size() && is_of_kind; ++i) {
        TRY(const TextMatcher* matcher, document_.automata().matcher(matching_pattern(patterns[i].text)));
        is_of_kind = matcher->matches(name) == kind.matched[i];
      }
      if (is_of_kind) names.push_back(name);
    }
    if (names.empty()) continue;
    const auto others = document_.automata().all_but(names);
    if (!others.ok()) return fail("schema {}: its properties' names: {}", schema.path, others.error().message);
    if (kind.keys == nullptr) {
      kind.keys = *others;
    } else {
      TRY(kind.keys, document_.automata().both(kind.keys, *others));
    }
  }
  std::erase_if(kinds, [](const KeyKind& kind) { return kind.keys != nullptr && kind.keys->is_empty(); });
  for (const KeyKind& kind : kinds) {
    if (!kind.is_matched() && !has_others) continue;
    std::vector<Schema> schemas;
    for (const SchemaAtom* atom : schema.atoms) {
      bool is_matched = false;
      for (const auto& [text, of_pattern] : atom->pattern_properties) {
        for (size_t i = 0; i < patterns.size(); ++i) {
          if (patterns[i].text != text || !kind.matched[i]) continue;
          schemas.push_back(of_pattern);
          is_matched = true;
        }
      }
      if (!is_matched && atom->additional_properties != nullptr) schemas.push_back(atom->additional_properties);
    }
    TRY(std::optional<StringSchema> key, property_names(schema));
    if (!key) break;  // no key is allowed
    if (kind.keys != nullptr) key->conditions.push_back(kind.keys);
    members.push_back({*std::move(key), schema_set(std::move(schemas))});
  }
  return members;
}

Result<Expr> SchemaCompiler::key_of(const MergedSchema& schema, StringSchema names) {
  if (names.is_free()) return json_.string();
  add_absence(names);
  const bool is_plain = names.patterns.empty() && names.formats.empty() && names.min_length == 0 && !names.max_length;
  Expr own;
  Expr& text = is_plain && names.conditions.size() == 1 ? keys_[names.conditions[0]] : own;
  if (text != nullptr) return json_.quoted(text);
  auto content = string_content(names, json_.character(), document_.automata());
  if (!content.ok()) return fail("schema {}: its keys: {}", schema.path, content.error().message);
  if (*content == nullptr) return no_text();
  text = names.has_condition() ? as_rule(schema.path + " (a key)", *content) : *content;
  return json_.quoted(text);
}

// The "propertyNames" of all atoms as conditions on a key; nothing if no key is allowed.
Result<std::optional<StringSchema>> SchemaCompiler::property_names(const MergedSchema& schema) {
  std::vector<Schema> schemas;
  for (const SchemaAtom* atom : schema.atoms) {
    if (atom->property_names != nullptr) schemas.push_back(atom->property_names);
  }
  StringSchema names;
  if (schemas.empty()) return std::optional(std::move(names));
  TRY(const std::vector<AtomList> alternatives, alternatives_of(document_, schema_set(schemas)));
  if (alternatives.empty()) return std::optional<StringSchema>();
  std::vector<MergedSchema> merged_alternatives;
  for (const AtomList& atoms : alternatives) {
    TRY(MergedSchema merged, merge(document_, atoms));
    if ((merged.types & kString) != 0) merged_alternatives.push_back(std::move(merged));
  }
  // A bound of all alternatives is counted beside them.
  const auto has_same_bound = [&](const MergedSchema& merged) {
    return !merged.values && merged.strings.max_length == merged_alternatives[0].strings.max_length;
  };
  std::optional<uint32_t> max_length;
  if (std::ranges::all_of(merged_alternatives, has_same_bound) && !merged_alternatives.empty()) {
    max_length = merged_alternatives[0].strings.max_length;
  }
  Dfa none;  // texts that no alternative allows
  for (const MergedSchema& merged : merged_alternatives) {
    names = merged.strings;
    if (merged.values) {
      std::vector<std::string> texts;
      for (const Json* value : *merged.values) {
        if (value->is_string()) texts.push_back(value->get<std::string>());
      }
      if (texts.empty()) continue;
      TRY(Dfa listed, one_of(texts, document_.automata().work()));
      names = {.max_length = {}, .patterns = {}, .formats = {}, .conditions = {std::move(listed)}};
    }
    if (alternatives.size() == 1) return std::optional(std::move(names));
    if (max_length) names.max_length.reset();
    auto allowed = document_.automata().strings(names);
    if (!allowed.ok()) return fail("schema {}: \"propertyNames\": {}", schema.path, allowed.error().message);
    TRY(Dfa others, complement(**allowed, document_.automata().work()));
    if (none != nullptr) {
      TRY(others, intersection(*none, *others, document_.automata().work()));
    }
    none = std::move(others);
  }
  if (none == nullptr) return std::optional<StringSchema>();
  TRY(Dfa any, complement(*none, document_.automata().work()));
  return std::optional(
      StringSchema{.max_length = max_length, .patterns = {}, .formats = {}, .conditions = {std::move(any)}});
}

}  // namespace braid::grammar
