#include "braid/grammar/json/schema_keywords.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "braid/grammar/json/string_schema.h"
#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

constexpr int kDeepestSearch = 256;
constexpr size_t kMaxCompared = 256;  // different unknown keywords

constexpr Keyword kKeywords[] = {
    {"$ref"},
    {"$dynamicRef"},
    {"$recursiveRef"},
    {"type"},
    {"nullable"},
    {"enum"},
    {"const"},
    {"minimum"},
    {"maximum"},
    {"exclusiveMinimum"},
    {"exclusiveMaximum"},
    {"multipleOf"},
    {"minLength"},
    {"maxLength"},
    {"pattern"},
    {"format"},
    {"prefixItems", Holds::kSchema},
    {"items", Holds::kSchema},
    {"additionalItems", Holds::kSchema},
    {"unevaluatedItems", Holds::kSchema},
    {"contains", Holds::kSchema},
    {"minContains"},
    {"maxContains"},
    {"minItems"},
    {"maxItems"},
    {"uniqueItems"},
    {"properties", Holds::kMembers},
    {"required"},
    {"patternProperties", Holds::kMembers},
    {"additionalProperties", Holds::kSchema},
    {"unevaluatedProperties", Holds::kSchema},
    {"propertyNames", Holds::kSchema},
    {"minProperties"},
    {"maxProperties"},
    {"dependencies", Holds::kMembers},
    {"dependentSchemas", Holds::kMembers},
    {"dependentRequired"},
    {"allOf", Holds::kSchema},
    {"anyOf", Holds::kSchema},
    {"oneOf", Holds::kSchema},
    {"not", Holds::kSchema},
    {"if", Holds::kSchema},
    {"then", Holds::kSchema},
    {"else", Holds::kSchema},
    // Annotations, and what names parts of the document.
    {"$defs", Holds::kMembers, false},
    {"definitions", Holds::kMembers, false},
    {"$id"},
    {"id"},
    {"$anchor", Holds::kNoSchema, false},
    {"$dynamicAnchor", Holds::kNoSchema, false},
    {"$recursiveAnchor", Holds::kNoSchema, false},
    {"$schema", Holds::kNoSchema, false},
    {"$vocabulary", Holds::kNoSchema, false},
    {"$comment", Holds::kNoSchema, false},
    {"title", Holds::kNoSchema, false},
    {"description", Holds::kNoSchema, false},
    {"default", Holds::kNoSchema, false},
    {"examples", Holds::kNoSchema, false},
    {"example", Holds::kNoSchema, false},
    {"deprecated", Holds::kNoSchema, false},
    {"readOnly", Holds::kNoSchema, false},
    {"writeOnly", Holds::kNoSchema, false},
    {"contentEncoding", Holds::kNoSchema, false},
    {"contentMediaType", Holds::kNoSchema, false},
    {"contentSchema", Holds::kNoSchema, false},
    {"discriminator", Holds::kNoSchema, false},
    {"xml", Holds::kNoSchema, false},
    {"externalDocs", Holds::kNoSchema, false},
};

// The number of characters to insert, remove, change or exchange with their neighbour, whatever the case; more than
// `max` counts as max + 1.
size_t distance(std::string_view a, std::string_view b, size_t max) {
  if (a.size() > b.size() + max || b.size() > a.size() + max) return max + 1;
  const auto same = [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  };
  std::vector<std::vector<size_t>> rows(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      size_t& here = rows[i][j];
      if (i == 0 || j == 0) {
        here = i + j;
        continue;
      }
      here =
          std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1)});
      const bool is_swap = i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
      if (is_swap) here = std::min(here, rows[i - 2][j - 2] + 1);
    }
  }
  return std::min(rows[a.size()][b.size()], max + 1);
}

const Keyword* nearest_keyword(std::string_view name) {
  const size_t max = name.size() >= 8 ? 2 : name.size() >= 4 ? 1 : 0;
  const auto is_near = [&](const Keyword& keyword) { return distance(name, keyword.name, max) <= max; };
  const auto* found = std::ranges::find_if(kKeywords, is_near);
  return found == std::end(kKeywords) ? nullptr : found;
}

// Calls visit(path, schema) for the schema and those in it, until one call returns an error.
Status visit_schemas(const Json& schema, const std::string& path, int depth,
                     const std::function<Status(const std::string& path, const Json& schema)>& visit) {
  if (!schema.is_object() || depth > kDeepestSearch) return {};
  TRY_STATUS(visit(path, schema));
  for (const auto& [name, value] : schema.get_ref<const Json::object_t&>()) {
    const Keyword* keyword = find_keyword(name);
    if (keyword == nullptr || keyword->holds == Holds::kNoSchema) continue;
    const std::string place = path + "/" + name;
    if (value.is_array() && keyword->holds == Holds::kSchema) {
      for (size_t i = 0; i < value.size(); ++i) {
        TRY_STATUS(visit_schemas(value[i], fmt::format("{}/{}", place, i), depth + 1, visit));
      }
    } else if (keyword->holds == Holds::kSchema) {
      TRY_STATUS(visit_schemas(value, place, depth + 1, visit));
    } else if (value.is_object()) {
      for (const auto& [key, member] : value.get_ref<const Json::object_t&>()) {
        TRY_STATUS(visit_schemas(member, place + "/" + key, depth + 1, visit));
      }
    }
  }
  return {};
}

}  // namespace

const Keyword* find_keyword(std::string_view name) {
  static const auto kByName = [] {
    std::unordered_map<std::string_view, const Keyword*> by_name;
    for (const Keyword& keyword : kKeywords) by_name.emplace(keyword.name, &keyword);
    return by_name;
  }();
  const auto found = kByName.find(name);
  return found == kByName.end() ? nullptr : found->second;
}

Status check_strict_schema(const Json& schema) {
  return visit_schemas(schema, "#", 0, [](const std::string& path, const Json& here) -> Status {
    for (const auto& [name, value] : here.get_ref<const Json::object_t&>()) {
      if (find_keyword(name) == nullptr && !name.starts_with("x-")) {
        const Keyword* near = nearest_keyword(name);
        return fail("schema {}: \"{}\": this keyword is not known{}; without \"strict\" it would be ignored",
                    excerpt(path), excerpt(name), near == nullptr ? "" : fmt::format(" (\"{}\" is)", near->name));
      }
      if (name == "format" && value.is_string() && !is_number_format(value.get_ref<const std::string&>())) {
        const auto pattern = format_pattern(value.get_ref<const std::string&>());
        if (!pattern.ok()) return fail("schema {}: {}", excerpt(path), pattern.error().message);
      }
    }
    return {};
  });
}

std::vector<std::string> near_misses(const Json& schema) {
  std::vector<std::string> messages;
  std::unordered_set<std::string_view> seen;
  (void)visit_schemas(schema, "#", 0, [&](const std::string& path, const Json& here) -> Status {
    for (const auto& [name, value] : here.get_ref<const Json::object_t&>()) {
      if (find_keyword(name) != nullptr || !seen.insert(name).second) continue;
      if (seen.size() > kMaxCompared) return fail("enough");
      const Keyword* near = nearest_keyword(name);
      if (near == nullptr) continue;
      messages.push_back(fmt::format("schema {}: \"{}\" is ignored, as every unknown keyword is: is \"{}\" meant?",
                                     excerpt(path), excerpt(name), near->name));
    }
    return {};
  }).ok();
  return messages;
}

}  // namespace braid::grammar
