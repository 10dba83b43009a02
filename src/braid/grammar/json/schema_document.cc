#include "braid/grammar/json/schema_document.h"

#include <utility>

#include "braid/grammar/regex/cursor.h"
#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

constexpr int kMaxDepth = 256;

// Decodes a part of a JSON pointer in a URI: %41 is 'A', ~1 is '/', ~0 is '~'.
std::string unescaped(std::string_view part) {
  std::string plain;
  for (size_t i = 0; i < part.size(); ++i) {
    if (part[i] == '%' && i + 2 < part.size() && hex_value(static_cast<uint8_t>(part[i + 1])) >= 0 &&
        hex_value(static_cast<uint8_t>(part[i + 2])) >= 0) {
      plain.push_back(static_cast<char>(hex_value(static_cast<uint8_t>(part[i + 1])) * 16 +
                                        hex_value(static_cast<uint8_t>(part[i + 2]))));
      i += 2;
    } else {
      plain.push_back(part[i]);
    }
  }
  std::string out;
  for (size_t i = 0; i < plain.size(); ++i) {
    const bool is_escape = plain[i] == '~' && i + 1 < plain.size() && (plain[i + 1] == '0' || plain[i + 1] == '1');
    out.push_back(!is_escape ? plain[i] : plain[i + 1] == '0' ? '~' : '/');
    if (is_escape) ++i;
  }
  return out;
}

}  // namespace

Result<SchemaDocument> SchemaDocument::of(const Json& root) {
  if (!root.is_object() && !root.is_boolean()) {
    return fail("a JSON schema must be an object (or true, or false), this is {}", json_excerpt(root));
  }
  SchemaDocument document(root);
  TRY_STATUS(document.index(root, 0));
  if (root.is_object()) {
    if (const auto id = root.find("$id"); id != root.end() && id->is_string()) {
      document.id_ = id->get<std::string>();
      document.id_.resize(std::min(document.id_.size(), document.id_.find('#')));
    }
  }
  return document;
}

Status SchemaDocument::index(const Json& value, int depth) {
  if (depth > kMaxDepth) return fail("the schema is nested deeper than {} levels", kMaxDepth);
  const auto add = [&](const Json& member, std::string key) -> Status {
    places_[&member] = {&value, std::move(key)};
    return index(member, depth + 1);
  };
  if (value.is_object()) {
    for (const auto& [key, member] : value.get_ref<const Json::object_t&>()) {
      if (key == "$anchor" && member.is_string()) anchors_.emplace(member.get<std::string>(), &value);
      if (member.is_structured() || member.is_boolean()) TRY_STATUS(add(member, key));
    }
  } else if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) {
      if (value[i].is_structured() || value[i].is_boolean()) TRY_STATUS(add(value[i], std::to_string(i)));
    }
  }
  return {};
}

Result<const SchemaAtom*> SchemaDocument::atom(Schema schema) {
  std::unique_ptr<SchemaAtom>& known = atoms_[schema];
  if (known == nullptr) {
    TRY(SchemaAtom atom, read_atom(*schema, path_of(schema), looks_));
    known = std::make_unique<SchemaAtom>(std::move(atom));
  }
  return known.get();
}

const Json* SchemaDocument::child_of(const Json& value, const std::string& key) {
  if (value.is_object()) {
    auto& members = members_[&value];
    if (members.empty()) {
      for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) members.emplace(name, &member);
    }
    const auto found = members.find(key);
    return found == members.end() ? nullptr : found->second;
  }
  if (!value.is_array() || key.empty() || key.size() > 9 || key.find_first_not_of("0123456789") != std::string::npos) {
    return nullptr;
  }
  const size_t index = std::stoul(key);
  return index < value.size() ? &value[index] : nullptr;
}

Result<Schema> SchemaDocument::resolve(const std::string& reference) {
  TRY_STATUS(looks_.spend(1 + reference.size() / 16));
  std::string_view rest = reference;
  if (!id_.empty() && rest.starts_with(id_)) rest.remove_prefix(id_.size());
  if (!rest.empty() && !rest.starts_with('#')) {
    return fail("\"$ref\": \"{}\" is remote: only references within the schema (#…) are followed", excerpt(reference));
  }
  if (!rest.empty()) rest.remove_prefix(1);
  const Json* found = root_;
  if (!rest.empty() && !rest.starts_with('/')) {
    const auto anchor = anchors_.find(std::string(rest));
    found = anchor == anchors_.end() ? nullptr : anchor->second;
  }
  while (found != nullptr && rest.starts_with('/')) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('/'));
    found = child_of(*found, unescaped(part));
    rest.remove_prefix(part.size());
  }
  if (found == nullptr) return fail("\"$ref\": \"{}\" names nothing in the schema", excerpt(reference));
  if (!found->is_object() && !found->is_boolean()) {
    return fail("\"$ref\": \"{}\" names {}, which is no schema", excerpt(reference), json_excerpt(*found));
  }
  return found;
}

std::string SchemaDocument::path_of(Schema schema) const {
  std::string path;
  while (schema != root_) {
    const auto place = places_.find(schema);
    if (place == places_.end()) break;
    path.insert(0, "/" + place->second.key);
    schema = place->second.parent;
  }
  return "#" + path;
}

}  // namespace braid::grammar
