// Files as read-only memory, and small files as text. Only regular files (links are followed): a pipe or a device
// named as a checkpoint is an error, not a hang.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "braid/base/result.h"

namespace braid {

class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);

  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  const std::string& path() const { return path_; }
  std::string name() const;  // the last part of the path, for errors
  std::span<const std::byte> bytes() const { return {data_, static_cast<size_t>(size_)}; }

  // Gives the whole pages inside [offset, offset + length) back to the system. The bytes stay readable: from the page
  // cache, else from the disk.
  void release(int64_t offset, int64_t length) const;

 private:
  MappedFile(std::string path, const std::byte* data, int64_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  std::string path_;
  const std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

// A whole file of at most `max_bytes` bytes.
Result<std::string> read_text_file(const std::string& path, int64_t max_bytes = int64_t{256} << 20);

}  // namespace braid
