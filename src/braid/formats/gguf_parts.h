// A GGUF file on disk: whole, or in the parts that llama.cpp's gguf-split writes. Parts lie beside each other as
// NAME-00001-of-00003.gguf and so on. Each has some of the tensors; the first has the metadata.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/formats/gguf.h"
#include "braid/formats/input_file.h"

namespace braid {

struct GgufHead {
  std::vector<std::byte> bytes;  // `gguf` points into these
  GgufFile gguf;
};

// Reads as many of the file's first bytes as its header needs. Errors begin with the file's name.
Result<GgufHead> read_gguf_head(const InputFile& file);

struct GgufParts {
  std::vector<std::unique_ptr<InputFile>> files;  // at least one; GgufTensor::part is an index
  std::vector<std::byte> head;                    // of the first
  GgufFile gguf;                                  // metadata of the first, tensors of all

  const InputFile& first() const { return *files.front(); }
};

// Opens the file, or all parts if `path` is the first part, and reads their headers. Errors begin with the file's name.
Result<GgufParts> open_gguf_parts(const std::string& path);

// An error for any part but the first. It does not begin with the file's name.
Status check_is_first_part(const GgufFile& file, const std::string& file_name);

}  // namespace braid
