// The name of a model on the Hugging Face hub: org/name, org/name@revision, org/name:variant.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace braid {

struct HubName {
  std::string repository;         // "org/name"
  std::string revision = "main";  // a branch, a tag or a commit
  std::string variant = {};       // selects a GGUF file (gguf_choice.h); empty: safetensors

  // The name as given, for errors.
  std::string text() const;
};

// Nothing if `text` is no such name. "folder/model.gguf" is none: it is a file's path.
std::optional<HubName> parse_hub_name(std::string_view text);

// A commit's hash: 40 hexadecimal digits.
bool is_commit_hash(std::string_view text);

}  // namespace braid
