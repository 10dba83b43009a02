// The place of a checkpoint on this machine: a Hugging Face directory, or a GGUF file.
#pragma once

#include <string>
#include <string_view>

namespace braid {

struct ResolvedModel {
  enum class Kind { kDirectory, kGguf };
  Kind kind = Kind::kDirectory;
  std::string path;

  std::string file(std::string_view name) const { return path + "/" + std::string(name); }  // in a directory
};

}  // namespace braid
