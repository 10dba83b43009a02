#include "braid/grammar/json/equal_schemas.h"

#include <functional>
#include <string_view>

#include "braid/grammar/json/schema_keywords.h"
#include "braid/grammar/mixed_bits.h"

namespace braid::grammar {
namespace {

struct Said {
  const std::string* name = nullptr;
  const Json* value = nullptr;
  Holds holds = Holds::kNoSchema;
};

// The keywords that restrict values.
std::vector<Said> said_by(const Json& schema, bool reference_is_all) {
  std::vector<Said> said;
  for (const auto& [name, value] : schema.get_ref<const Json::object_t&>()) {
    const Keyword* keyword = find_keyword(name);
    if (keyword == nullptr || !keyword->restricts) continue;
    const Said one{&name, &value, keyword->holds};
    if (reference_is_all && name == "$ref" && value.is_string()) return {one};
    said.push_back(one);
  }
  return said;
}

size_t joined(size_t hash, size_t more) {
  return mixed_bits(hash ^ (more + 0x9E3779B97F4A7C15ULL));
}

// Calls visit(part, its name or "") for the schemas in the value of a keyword. False if it has other parts.
template <typename Visit>
bool for_each_schema(const Json& value, Holds holds, Visit visit) {
  const auto is_schema = [](const Json& part) { return part.is_object() || part.is_boolean(); };
  if (holds == Holds::kSchema && is_schema(value)) {
    visit(value, std::string_view());
    return true;
  }
  if (holds == Holds::kSchema && value.is_array()) {
    for (const Json& part : value) {
      if (!is_schema(part)) return false;
      visit(part, std::string_view());
    }
    return true;
  }
  if (holds != Holds::kMembers || !value.is_object()) return false;
  for (const auto& [name, part] : value.get_ref<const Json::object_t&>()) {
    if (!is_schema(part)) return false;
    visit(part, std::string_view(name));
  }
  return true;
}

bool say_the_same(const Json& a, const Json& b, bool reference_is_all) {
  if (&a == &b) return true;
  if (!a.is_object() || !b.is_object()) return a == b;
  const std::vector<Said> by_a = said_by(a, reference_is_all);
  const std::vector<Said> by_b = said_by(b, reference_is_all);
  if (by_a.size() != by_b.size()) return false;
  using Part = std::pair<const Json*, std::string_view>;
  const auto parts_of = [](const Said& said, std::vector<Part>& parts) {
    return for_each_schema(*said.value, said.holds,
                           [&](const Json& part, std::string_view name) { parts.emplace_back(&part, name); });
  };
  for (size_t i = 0; i < by_a.size(); ++i) {
    if (*by_a[i].name != *by_b[i].name || by_a[i].value->type() != by_b[i].value->type()) return false;
    std::vector<Part> parts_of_a;
    std::vector<Part> parts_of_b;
    if (!parts_of(by_a[i], parts_of_a) || !parts_of(by_b[i], parts_of_b)) {
      if (*by_a[i].value != *by_b[i].value) return false;
      continue;
    }
    if (parts_of_a.size() != parts_of_b.size()) return false;
    for (size_t k = 0; k < parts_of_a.size(); ++k) {
      if (parts_of_a[k].second != parts_of_b[k].second) return false;
      if (!say_the_same(*parts_of_a[k].first, *parts_of_b[k].first, reference_is_all)) return false;
    }
  }
  return true;
}

}  // namespace

OnlySaid only_said(const Json& schema, bool reference_is_all) {
  OnlySaid only;
  if (!schema.is_object()) return only;
  const std::vector<Said> said = said_by(schema, reference_is_all);
  if (said.size() != 1) return only;
  const Json& value = *said[0].value;
  const std::string& name = *said[0].name;
  if (name == "$ref" && value.is_string()) only.reference = &value.get_ref<const std::string&>();
  const bool is_union = name == "anyOf" || (name == "allOf" && value.size() == 1);
  if (!is_union || !value.is_array()) return only;
  const bool has_schemas = for_each_schema(
      value, Holds::kSchema, [&](const Json& part, std::string_view) { only.all_or_any_of.push_back(&part); });
  if (!has_schemas) only.all_or_any_of.clear();
  return only;
}

Schema EqualSchemas::first(Schema schema, size_t resource, bool reference_is_all) {
  const size_t hash = joined(hash_of(*schema, reference_is_all), resource);
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto found = begin; found != end; ++found) {
    const auto& [other_resource, other] = found->second;
    if (other_resource == resource && say_the_same(*other, *schema, reference_is_all)) return other;
  }
  by_hash_.emplace(hash, std::pair(resource, schema));
  return schema;
}

size_t EqualSchemas::hash_of(const Json& schema, bool reference_is_all) {
  if (schema.is_boolean()) return schema.get<bool>() ? 1 : 2;
  if (const auto known = hashes_.find(&schema); known != hashes_.end()) return known->second;
  size_t hash = 3;
  for (const Said& said : said_by(schema, reference_is_all)) {
    hash = joined(hash, std::hash<std::string>()(*said.name));
    size_t parts = 0;
    const bool has_schemas = for_each_schema(*said.value, said.holds, [&](const Json& part, std::string_view name) {
      parts = joined(joined(parts, std::hash<std::string_view>()(name)), hash_of(part, reference_is_all));
    });
    hash = joined(hash, has_schemas ? parts : std::hash<Json>()(*said.value));
  }
  hashes_.emplace(&schema, hash);
  return hash;
}

}  // namespace braid::grammar
