// A folder for sockets, keys and shared memory of a running front and its processes, which goes when its owner does.
// Tested by runtime_folder_test.cc.
#pragma once

#include <filesystem>
#include <string>

#include "braid/base/result.h"

namespace braid {

class RuntimeFolder {
 public:
  // In memory if that is possible (/dev/shm), else in the folder for temporary files; only this user may enter it.
  // Removes those that a killed front of this user has left behind.
  static Result<RuntimeFolder> make();
  RuntimeFolder(RuntimeFolder&& other) noexcept;
  RuntimeFolder& operator=(RuntimeFolder&&) = delete;
  ~RuntimeFolder();

  const std::filesystem::path& path() const { return path_; }
  // A file that only this user may read.
  Result<std::string> write_secret(const std::string& name, const std::string& text) const;

 private:
  explicit RuntimeFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace braid
