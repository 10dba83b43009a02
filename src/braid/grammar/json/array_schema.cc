// Arrays: a prefix with a schema for each place, then items of one schema; uniqueItems where the items are few
// constants. Tested by schema_compiler_test.cc.
#include <algorithm>
#include <bit>

#include "braid/grammar/json/schema_compiler.h"

namespace braid::grammar {
namespace {

constexpr size_t kMaxPrefix = 1024;
constexpr size_t kMaxUniqueValues = 10;  // a node for each subset

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
  if (max < schema.min_items) return no_text();
  const SchemaSet further = schemas_of_item(schema.atoms, SIZE_MAX);
  if (schema.unique_items && max > 1) {
    if (prefix_len == 0) return unique_array(schema, further, max);
    return fail(
        "schema {}: \"uniqueItems\" is supported for items of at most {} constants, and without \"prefixItems\"",
        schema.path, kMaxUniqueValues);
  }
  if (prefix_len > 0 && !says_items && schema.min_items <= prefix_len) {
    max = std::min(max, static_cast<uint32_t>(prefix_len));
  }

  Graph graph;
  uint32_t node = Graph::kStart;
  for (size_t place = 0; place < prefix_len && place < max; ++place) {
    if (place > 0 && place >= schema.min_items) graph.add_edge(node, Graph::kEnd);
    TRY(const Expr item, value_of(schemas_of_item(schema.atoms, place)));
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
  TRY(const Expr item, value_of(further));
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
  return json_.array(graph.finish(), schema.min_items == 0);
}

Result<Expr> SchemaCompiler::unique_array(const MergedSchema& schema, const SchemaSet& items, uint32_t max) {
  const auto refuse = [&] {
    return fail("schema {}: \"uniqueItems\" is supported for items of at most {} constants (an enum, booleans)",
                schema.path, kMaxUniqueValues);
  };
  TRY(const std::vector<AtomList> alternatives, alternatives_of(document_, items));
  std::vector<Json> values;
  const auto add = [&](const Json& value) -> Status {
    for (const Json& other : values) {
      TRY(const bool is_known, equal_values(value, other, document_.looks()));
      if (is_known) return {};
    }
    values.push_back(value);
    return values.size() > kMaxUniqueValues ? refuse() : Status();
  };
  for (const AtomList& atoms : alternatives) {
    TRY(const MergedSchema item, merge(document_, atoms));
    if (item.values) {
      for (const Json* value : *item.values) TRY_STATUS(add(*value));
      continue;
    }
    if ((item.types & ~(kNull | kBoolean)) != 0) return refuse();
    if ((item.types & kNull) != 0) TRY_STATUS(add(Json(nullptr)));
    if ((item.types & kBoolean) != 0) {
      TRY_STATUS(add(Json(true)));
      TRY_STATUS(add(Json(false)));
    }
  }
  max = std::min(max, static_cast<uint32_t>(values.size()));
  if (max < schema.min_items) return no_text();
  // A node for each set of values used so far.
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
