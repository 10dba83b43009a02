// How a model of the Hugging Face hub is named: org/name, org/name@revision, org/name:variant.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace braid {

struct HubName {
  std::string repository;         // "org/name"
  std::string revision = "main";  // a branch, a tag or a commit
  std::string variant = {};       // which GGUF file (gguf_choice.h); empty: safetensors

  // As it was given, for errors.
  std::string text() const;
};

// Nothing: it is no such name. "folder/model.gguf" is none, but a file's path.
std::optional<HubName> parse_hub_name(std::string_view text);

// A commit's hash: 40 hexadecimal digits.
bool is_commit_hash(std::string_view text);

}  // namespace braid
