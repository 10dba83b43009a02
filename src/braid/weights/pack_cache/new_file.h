// A file that exists whole or not at all: it is written under a temporary name, and renamed at the end.
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
  // Created in the folder of `path`. A file that is at `path` now stays there until commit().
  static Result<NewFile> create(std::string path);
  ~NewFile();  // without commit() nothing is left
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;

  // Callable on any thread. Errors name the path and the system's reason, such as a full disk.
  Status write(int64_t offset, std::span<const std::byte> bytes) const;
  Status commit();

 private:
  NewFile(std::string path, std::string temporary_path, int fd)
      : path_(std::move(path)), temporary_path_(std::move(temporary_path)), fd_(fd) {}

  std::string path_;
  std::string temporary_path_;
  int fd_;
};

// Removes files in `folder` whose writer was killed. A file that is being written is locked.
void remove_abandoned_files(const std::string& folder);

}  // namespace braid
