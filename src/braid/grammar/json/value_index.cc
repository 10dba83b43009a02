#include "braid/grammar/json/value_index.h"

#include <functional>
#include <string_view>

namespace braid::grammar {
namespace {

using Members = Json::object_t;

// Equal values have equal hashes. Arrays and objects hash to their size alone: a hash of their content would be
// uncharged work for each of many schemas that check the same value.
size_t hash_of(const Json& value) {
  if (value.is_number()) return std::hash<double>()(value.get<double>());
  if (value.is_string()) return std::hash<std::string_view>()(value.get_ref<const std::string&>());
  return static_cast<size_t>(value.type()) + 16 * value.size() + (value.is_boolean() && value.get<bool>() ? 1024 : 0);
}

Result<bool> equal_objects(const Members& a, const Members& b, WorkBudget& looks) {
  std::unordered_map<std::string_view, const Json*> members;
  for (const auto& [name, member] : b) members.emplace(name, &member);
  for (const auto& [name, member] : a) {
    const auto found = members.find(name);
    if (found == members.end()) return false;
    TRY(const bool is_equal, equal_values(member, *found->second, looks));
    if (!is_equal) return false;
  }
  return true;
}

}  // namespace

Result<bool> equal_values(const Json& a, const Json& b, WorkBudget& looks) {
  TRY_STATUS(looks.spend(a.is_string() ? 1 + a.get_ref<const std::string&>().size() / 16 : 1 + a.size()));
  if (!a.is_structured() || !b.is_structured()) return a == b;
  if (a.is_object() != b.is_object() || a.size() != b.size()) return false;
  if (a.is_object()) return equal_objects(a.get_ref<const Members&>(), b.get_ref<const Members&>(), looks);
  for (size_t i = 0; i < a.size(); ++i) {
    TRY(const bool is_equal, equal_values(a[i], b[i], looks));
    if (!is_equal) return false;
  }
  return true;
}

void ValueIndex::add(const Json& value) {
  by_hash_.emplace(hash_of(value), &value);
}

Result<bool> ValueIndex::contains(const Json& value, WorkBudget& looks) const {
  const auto [first, last] = by_hash_.equal_range(hash_of(value));
  for (auto found = first; found != last; ++found) {
    TRY(const bool is_equal, equal_values(value, *found->second, looks));
    if (is_equal) return true;
  }
  return false;
}

}  // namespace braid::grammar
