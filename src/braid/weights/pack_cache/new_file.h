// A file that is there whole or not at all: written under a name of its own, which becomes the right one at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "braid/base/result.h"

namespace braid {

class NewFile {
 public:
  // In the folder of `path`, which it will be; what has that name now stays until then.
  static Result<NewFile> create(std::string path);
  ~NewFile();  // without commit() nothing is left
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;

  // On any thread. Errors name the path and say what the system does: a full disk, say.
  Status write(int64_t offset, std::span<const std::byte> bytes) const;
  Status commit();

 private:
  NewFile(std::string path, std::string temporary_path, int fd)
      : path_(std::move(path)), temporary_path_(std::move(temporary_path)), fd_(fd) {}

  std::string path_;
  std::string temporary_path_;
  int fd_;
};

// Files in `folder` that a process began and, having been killed, will never end. One that is being written is locked.
void remove_abandoned_files(const std::string& folder);

}  // namespace braid
