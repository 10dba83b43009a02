// A GGUF file from the disk, whole or in the parts that llama.cpp's gguf-split writes: NAME-00001-of-00003.gguf and so
// on beside each other, each with some of the tensors, the first with the metadata.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/formats/gguf.h"
#include "braid/formats/input_file.h"

namespace braid {

struct GgufHead {
  std::vector<std::byte> bytes;  // that `gguf` looks into
  GgufFile gguf;
};

// As many of the file's first bytes as its header has. Errors begin with the file's name.
Result<GgufHead> read_gguf_head(const InputFile& file);

struct GgufParts {
  std::vector<std::unique_ptr<InputFile>> files;  // at least one; GgufTensor::part counts them
  std::vector<std::byte> head;                    // of the first
  GgufFile gguf;                                  // metadata of the first, tensors of all

  const InputFile& first() const { return *files.front(); }
};

// Opens the file, or all parts from the first's path, and reads their headers. Errors begin with the file's name.
Result<GgufParts> open_gguf_parts(const std::string& path);

// An error for a part other than the first. It does not begin with the file's name.
Status check_is_first_part(const GgufFile& file, const std::string& file_name);

}  // namespace braid
