#include "braid/grammar/json/schema_document.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "braid/grammar/json/reference_uri.h"
#include "braid/grammar/json/schema_keywords.h"
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

const Json* member_of(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

Result<SchemaDocument> SchemaDocument::of(const Json& root) {
  if (!root.is_object() && !root.is_boolean()) {
    return fail("a JSON schema must be an object (or true, or false), this is {}", json_excerpt(root));
  }
  SchemaDocument document(root);
  if (const Json* draft = member_of(root, "$schema"); draft != nullptr && draft->is_string()) {
    document.says_draft_ = true;
    const auto& name = draft->get_ref<const std::string&>();
    const auto is_one_of = [&](std::initializer_list<std::string_view> drafts) {
      return std::ranges::any_of(drafts, [&](std::string_view one) { return name.find(one) != std::string::npos; });
    };
    document.is_draft_3_ = is_one_of({"draft-03"});
    document.has_old_ids_ = is_one_of({"draft-03", "draft-04"});
    document.is_old_ = document.has_old_ids_ || is_one_of({"draft-06", "draft-07"});
  } else {
    document.has_old_ids_ = true;
  }
  document.resources_.push_back({&root, ""});
  TRY_STATUS(document.index(root, Role::kSchema, 0, 0));
  return document;
}

Status SchemaDocument::index(const Json& value, Role role, size_t resource, int depth) {
  if (depth > kMaxDepth) return fail("the schema is nested deeper than {} levels", kMaxDepth);
  if (role == Role::kSchema && value.is_object()) resource = read_names(value, resource);
  const auto add = [&](const Json& member, std::string key, Role role_of_member) -> Status {
    if (!member.is_structured() && !member.is_boolean()) return {};
    places_[&member] = {&value, std::move(key), resource};
    return index(member, role_of_member, resource, depth + 1);
  };
  if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) TRY_STATUS(add(value[i], std::to_string(i), role));
  }
  if (!value.is_object()) return {};
  for (const auto& [key, member] : value.get_ref<const Json::object_t&>()) {
    Role role_of_member = role;
    if (role == Role::kMembers) role_of_member = Role::kSchema;
    if (role == Role::kSchema) {
      const Keyword* keyword = find_keyword(key);
      const bool has_schemas = keyword != nullptr && keyword->holds != Holds::kNoSchema;
      role_of_member = !has_schemas ? Role::kData : keyword->holds == Holds::kMembers ? Role::kMembers : Role::kSchema;
    }
    TRY_STATUS(add(member, key, role_of_member));
  }
  return {};
}

// Notes the names that other parts of the document may call this schema by. Returns the resource that it belongs to.
size_t SchemaDocument::read_names(const Json& schema, size_t resource) {
  const auto text_of = [&](const char* keyword) {
    const Json* found = member_of(schema, keyword);
    return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
  };
  std::string id = text_of("$id");
  if (id.empty() && has_old_ids_) id = text_of("id");
  const bool is_reference = member_of(schema, "$ref") != nullptr;
  if (is_reference && (is_old_ || member_of(schema, "$id") == nullptr)) id.clear();
  if (is_reference && !says_draft_ && !id.empty()) other_resources_.emplace(&schema, resource);
  if (id.starts_with('#')) {  // draft 4 to 7
    anchors_.emplace(fmt::format("{}{}", resource, id), &schema);
  } else if (!id.empty()) {
    std::string uri = resolved_uri(resources_[resource].uri, id);
    if (&schema == root_) {
      resources_[0].uri = uri;
    } else {
      resource = resources_.size();
      resources_.push_back({&schema, uri});
      own_resources_.emplace(&schema, resource);
    }
    by_uri_.emplace(std::move(uri), resource);
  }
  for (const char* keyword : {"$anchor", "$dynamicAnchor"}) {
    const std::string name = text_of(keyword);
    if (!name.empty()) anchors_.emplace(fmt::format("{}#{}", resource, name), &schema);
  }
  if (member_of(schema, "$dynamicAnchor") != nullptr || member_of(schema, "$recursiveAnchor") != nullptr) {
    ++num_dynamic_anchors_;
  }
  return resource;
}

Result<const SchemaAtom*> SchemaDocument::atom(Schema schema) {
  std::unique_ptr<SchemaAtom>& known = atoms_[schema];
  if (known == nullptr) {
    TRY(SchemaAtom atom, read_atom(*schema, path_of(schema), {is_old_, is_draft_3_}, looks_));
    if (atom.is_dynamic && (resources_.size() > 1 || num_dynamic_anchors_ > 1)) {
      return fail("schema {}: \"$dynamicRef\" and \"$recursiveRef\" with more than one target: only $ref is supported",
                  excerpt(atom.path));
    }
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

Result<Schema> SchemaDocument::resolve(const std::string& reference, Schema from) {
  TRY_STATUS(looks_.spend(1 + reference.size() / 16));
  auto target = resolve_in(resource_of(from), reference);
  const auto other_resource = other_resources_.find(from);
  if (!target.ok() || other_resource == other_resources_.end()) return target;
  const auto other = resolve_in(other_resource->second, reference);
  if (other.ok() && *other == *target) return target;
  return fail("\"$ref\": \"{}\" stands beside \"$id\", which drafts read differently: say which by \"$schema\"",
              excerpt(reference));
}

Result<Schema> SchemaDocument::resolve_in(size_t resource, const std::string& reference) {
  const size_t hash = std::min(reference.size(), reference.find('#'));
  if (hash > 0) {
    const auto found = by_uri_.find(resolved_uri(resources_[resource].uri, reference));
    if (found == by_uri_.end()) {
      return fail("\"$ref\": \"{}\" is remote: only references within the schema (#…) are followed",
                  excerpt(reference));
    }
    resource = found->second;
  }
  const std::string_view fragment = std::string_view(reference).substr(std::min(reference.size(), hash + 1));
  const Json* target = target_in(resource, fragment);
  // Many schemas have an "id" in each part, and references that mean the root's parts all the same.
  if (target == nullptr && resource != 0 && hash == 0) target = target_in(0, fragment);
  if (target == nullptr) return fail("\"$ref\": \"{}\" names nothing in the schema", excerpt(reference));
  if (!target->is_object() && !target->is_boolean()) {
    return fail("\"$ref\": \"{}\" names {}, which is no schema", excerpt(reference), json_excerpt(*target));
  }
  return target;
}

size_t SchemaDocument::resource_of(Schema schema) const {
  if (const auto own = own_resources_.find(schema); own != own_resources_.end()) return own->second;
  const auto place = places_.find(schema);
  return place == places_.end() ? 0 : place->second.resource;
}

const Json* SchemaDocument::target_in(size_t resource, std::string_view fragment) {
  if (!fragment.empty() && !fragment.starts_with('/')) {
    const auto anchor = anchors_.find(fmt::format("{}#{}", resource, fragment));
    return anchor == anchors_.end() ? nullptr : anchor->second;
  }
  const Json* found = resources_[resource].root;
  while (found != nullptr && !fragment.empty()) {
    fragment.remove_prefix(1);
    const std::string_view part = fragment.substr(0, fragment.find('/'));
    found = child_of(*found, unescaped(part));
    fragment.remove_prefix(part.size());
  }
  return found;
}

Schema SchemaDocument::same_schema(Schema schema) {
  constexpr int kMaxReferences = 64;
  if (is_draft_3_) return schema;  // reported where its keywords are read
  for (int i = 0; i < kMaxReferences; ++i) {
    const OnlySaid only = only_said(*schema, is_old_);
    if (only.reference != nullptr) {
      const auto target = resolve(*only.reference, schema);
      if (!target.ok()) return schema;  // reported there too
      schema = *target;
    } else if (only.all_or_any_of.size() == 1) {
      schema = only.all_or_any_of.front();
    } else {
      break;
    }
  }
  const bool is_written = schema == root_ || places_.contains(schema);
  const bool is_plain = other_resources_.empty() && !is_draft_3_;
  return is_plain && is_written && schema->is_object() ? equal_schemas_.first(schema, resource_of(schema), is_old_)
                                                       : schema;
}

std::vector<Schema> SchemaDocument::union_of(Schema schema) const {
  if (is_draft_3_ || added_paths_.contains(schema)) return {};
  return only_said(*schema, is_old_).all_or_any_of;
}

Schema SchemaDocument::add(SchemaAtom atom, std::string path) {
  const Schema schema = &added_.emplace_back(Json::object());
  own_resources_.emplace(schema, resource_of(atom.source));
  if (const auto other = other_resources_.find(atom.source); other != other_resources_.end()) {
    other_resources_.emplace(schema, other->second);
  }
  atom.source = schema;
  atom.path = std::move(path);
  atom.is_condition = true;
  added_paths_.emplace(schema, atom.path);
  atoms_[schema] = std::make_unique<SchemaAtom>(std::move(atom));
  return schema;
}

Schema SchemaDocument::anything() {
  static const Json kTrue = true;
  return &kTrue;
}

Schema SchemaDocument::nothing() {
  static const Json kFalse = false;
  return &kFalse;
}

std::string SchemaDocument::path_of(Schema schema) const {
  if (const auto added = added_paths_.find(schema); added != added_paths_.end()) return added->second;
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
