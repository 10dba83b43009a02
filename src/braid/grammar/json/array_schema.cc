// Arrays: a prefix with a schema for each place, then items of one schema; contains; uniqueItems, by the automaton
// alone for a few constants, by the matcher (../unique_items.h) for all others. Tested by schema_compiler_test.cc.
#include <algorithm>
#include <bit>

#include "braid/grammar/json/schema_compiler.h"
#include "braid/grammar/json/schema_complement.h"

namespace braid::grammar {
namespace {

constexpr size_t kMaxPrefix = 1024;
constexpr size_t kMaxSubsetValues = 10;    // a node for each subset of them
constexpr size_t kMaxListedValues = 1024;  // of which no more items than values are begun
constexpr uint32_t kMaxCountedNodes = 20'000;

// Collects what the atoms say about the item at `place` (of the prefix; SIZE_MAX for later items).
SchemaSet schemas_of_item(const AtomList& atoms, size_t place) {
  std::vector<Schema> schemas;
  for (const SchemaAtom* atom : atoms) {
    if (place < atom->prefix_items.size()) {
      schemas.push_back(atom->prefix_items[place]);
    } else if (atom->items != nullptr) {
      schemas.push_back(atom->items);
    }
  }
  return schema_set(std::move(schemas));
}

}  // namespace

Result<Expr> SchemaCompiler::array_body(const MergedSchema& schema) {
  size_t prefix_len = 0;
  bool says_items = false;
  for (const SchemaAtom* atom : schema.atoms) {
    prefix_len = std::max(prefix_len, atom->prefix_items.size());
    says_items = says_items || atom->items != nullptr;
  }
  if (prefix_len > kMaxPrefix) {
    return fail("schema {}: \"prefixItems\" has {} places, at most {}", schema.path, prefix_len, kMaxPrefix);
  }
  uint32_t max = schema.max_items.value_or(kUnbounded);
  TRY(const std::vector<AtomList> closed_to, evaluating(schema, &SchemaAtom::closes_items));
  for (const AtomList& atoms : closed_to) {
    uint32_t evaluated = 0;
    for (const SchemaAtom* atom : atoms) {
      if (atom->items != nullptr) evaluated = kUnbounded;
      evaluated = std::max(evaluated, static_cast<uint32_t>(atom->prefix_items.size()));
    }
    max = std::min(max, evaluated);
  }
  if (max < schema.min_items) return no_text();
  const SchemaSet further = schemas_of_item(schema.atoms, SIZE_MAX);
  const bool has_contains =
      std::ranges::any_of(schema.atoms, [](const SchemaAtom* atom) { return atom->contains != nullptr; });
  const bool is_unique = schema.unique_items && max > 1;
  const auto whole = [&](Expr array) {
    return is_unique ? as_rule(schema.path + " (unique items)", std::move(array), RuleMark::kUniqueArray) : array;
  };
  if (has_contains) {
    if (prefix_len > 0) {
      return fail("schema {}: \"contains\" beside \"prefixItems\" is not supported", schema.path);
    }
    TRY(Expr array, containing_array(schema, further, max));
    return whole(std::move(array));
  }
  if (is_unique && prefix_len == 0) {
    TRY(const std::optional<std::vector<Json>> values, listed_items(further));
    if (values) max = std::min(max, static_cast<uint32_t>(values->size()));
    if (max < schema.min_items) return no_text();
    if (values && values->size() <= kMaxSubsetValues) return array_of_listed(schema, *values, max);
  }
  if (prefix_len > 0 && !says_items && schema.min_items <= prefix_len) {
    max = std::min(max, static_cast<uint32_t>(prefix_len));
  }

  Graph graph;
  uint32_t node = Graph::kStart;
  for (size_t place = 0; place < prefix_len && place < max; ++place) {
    if (place > 0 && place >= schema.min_items) graph.add_edge(node, Graph::kEnd);
    TRY(const Expr item, item_of(schema, schemas_of_item(schema.atoms, place)));
    if (item == nullptr) {
      max = static_cast<uint32_t>(place);
      break;
    }
    const uint32_t next = graph.add_node();
    graph.add_edge(node, next, place == 0 ? item : sequence({json_.comma(), item}));
    node = next;
  }
  if (max < schema.min_items) return no_text();
  const auto num_before = static_cast<uint32_t>(std::min<size_t>(prefix_len, max));
  TRY(const Expr item, item_of(schema, further));
  const bool has_further = max > num_before && item != nullptr;
  const uint32_t min_further = schema.min_items > num_before ? schema.min_items - num_before : 0;
  if (num_before > 0 && min_further == 0) graph.add_edge(node, Graph::kEnd);
  if (has_further) {
    const uint32_t max_further = max == kUnbounded ? kUnbounded : max - num_before;
    const Expr next = sequence({json_.comma(), item});
    if (num_before > 0) {
      graph.add_edge(node, Graph::kEnd, repeat(next, std::max(min_further, 1U), max_further));
    } else {
      const uint32_t max_rest = max_further == kUnbounded ? kUnbounded : max_further - 1;
      const uint32_t min_rest = min_further > 0 ? min_further - 1 : 0;
      graph.add_edge(node, Graph::kEnd, sequence({item, repeat(next, min_rest, max_rest)}));
    }
  }
  return whole(json_.array(graph.finish(), schema.min_items == 0));
}

// An item of an array with this schema; null if certainly no value satisfies it.
Result<Expr> SchemaCompiler::item_of(const MergedSchema& array, const SchemaSet& schemas) {
  TRY(Expr item, value_of(schemas));
  if (item == nullptr || !array.unique_items) return item;
  return as_rule(array.path + " (a unique item)", std::move(item), RuleMark::kUniqueItem);
}

// Counts the items, and those among them that "contains" is about.
Result<Expr> SchemaCompiler::containing_array(const MergedSchema& schema, const SchemaSet& items, uint32_t max) {
  Schema contained = nullptr;
  uint32_t min_contains = 0;
  uint32_t max_contains = kUnbounded;
  for (const SchemaAtom* atom : schema.atoms) {
    if (atom->contains == nullptr) continue;
    if (contained != nullptr && contained != atom->contains) {
      return fail("schema {}: more than one \"contains\" at once is not supported", schema.path);
    }
    contained = atom->contains;
    min_contains = std::max(min_contains, atom->min_contains);
    max_contains = std::min(max_contains, atom->max_contains.value_or(kUnbounded));
  }
  if (max_contains < min_contains || max < min_contains) return no_text();
  auto others = complement_of(document_, contained);
  if (!others.ok()) return fail("schema {}: \"contains\": {}", schema.path, others.error().message);
  const auto with = [&](Schema one) -> Result<Expr> {
    std::vector<Schema> all = items;
    all.push_back(one);
    return item_of(schema, schema_set(std::move(all)));
  };
  TRY(const Expr counted, with(contained));
  TRY(const Expr uncounted, with(*others));
  // Counts that no bound distinguishes are one.
  const uint64_t num_found = (max_contains == kUnbounded ? min_contains : max_contains) + uint64_t{1};
  const uint64_t num_items = (max == kUnbounded ? schema.min_items : max) + uint64_t{1};
  if (num_found * num_items > kMaxCountedNodes) {
    return fail("schema {}: \"contains\" with these bounds needs too many states", schema.path);
  }
  Graph graph;
  std::vector<uint32_t> nodes;
  for (uint64_t i = 0; i < num_found * num_items; ++i) nodes.push_back(graph.add_node());
  const auto add_items = [&](uint32_t from, uint64_t found, uint64_t count, bool is_first) {
    if (count >= max) return;
    const uint64_t next = std::min(count + 1, num_items - 1);
    const auto add_item = [&](const Expr& item, uint64_t now_found) {
      if (item == nullptr) return;
      graph.add_edge(from, nodes[std::min(now_found, num_found - 1) * num_items + next],
                     is_first ? item : sequence({json_.comma(), item}));
    };
    if (found < max_contains) add_item(counted, found + 1);
    add_item(uncounted, found);
  };
  add_items(Graph::kStart, 0, 0, true);
  for (uint64_t found = 0; found < num_found; ++found) {
    for (uint64_t count = 0; count < num_items; ++count) {
      const uint32_t node = nodes[found * num_items + count];
      if (found >= min_contains && count >= schema.min_items) graph.add_edge(node, Graph::kEnd);
      add_items(node, found, count, false);
    }
  }
  return json_.array(graph.finish(), schema.min_items == 0 && min_contains == 0);
}

// The values of the items if each is a constant and they are not too many to count; otherwise nothing.
Result<std::optional<std::vector<Json>>> SchemaCompiler::listed_items(const SchemaSet& items) {
  const std::optional<std::vector<Json>> nothing;
  TRY(const std::vector<AtomList> alternatives, alternatives_of(document_, items));
  std::vector<Json> values;
  const auto add = [&](const Json& value) -> Status {
    for (const Json& other : values) {
      TRY(const bool is_known, equal_values(value, other, document_.looks()));
      if (is_known) return {};
    }
    values.push_back(value);
    return {};
  };
  for (const AtomList& atoms : alternatives) {
    TRY(const MergedSchema item, merge(document_, atoms));
    if (item.values) {
      for (const Json* value : *item.values) {
        if (values.size() >= kMaxListedValues) return nothing;
        TRY_STATUS(add(*value));
      }
      continue;
    }
    if ((item.types & ~(kNull | kBoolean)) != 0) return nothing;
    if ((item.types & kNull) != 0) TRY_STATUS(add(Json(nullptr)));
    if ((item.types & kBoolean) != 0) {
      if (item.only_boolean != false) TRY_STATUS(add(Json(true)));
      if (item.only_boolean != true) TRY_STATUS(add(Json(false)));
    }
  }
  return std::optional(std::move(values));
}

// Few values, each at most once, in any order: a node for each set of values used so far.
Expr SchemaCompiler::array_of_listed(const MergedSchema& schema, const std::vector<Json>& values, uint32_t max) {
  Graph graph;
  std::vector<uint32_t> nodes(size_t{1} << values.size(), 0);
  for (size_t used = 1; used < nodes.size(); ++used) nodes[used] = graph.add_node();
  for (size_t used = 0; used < nodes.size(); ++used) {
    const auto count = static_cast<uint32_t>(std::popcount(used));
    if (count > 0 && count >= schema.min_items && count <= max) graph.add_edge(nodes[used], Graph::kEnd);
    if (count >= max) continue;
    for (size_t i = 0; i < values.size(); ++i) {
      if ((used >> i & 1) != 0) continue;
      const Expr item = json_.literal(values[i]);
      graph.add_edge(nodes[used], nodes[used | size_t{1} << i], used == 0 ? item : sequence({json_.comma(), item}));
    }
  }
  return json_.array(graph.finish(), schema.min_items == 0);
}

}  // namespace braid::grammar
