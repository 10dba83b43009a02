// Files that are read in pieces, and small files read as text. Only regular files (links are followed): a pipe or a
// device named as a checkpoint is an error, not a hang.
//
// Nothing is mapped. A mapped file that shrinks ends the process at the next access; with reads that is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// The file's identity and its last change, from the file system.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t bytes = 0;
  int64_t modified_ns = 0;  // since 1970; a user with write access can set it
  int64_t changed_ns = 0;   // since 1970; nobody can set it

  bool operator==(const FileIdentity&) const = default;
};

class InputFile {
 public:
  static Result<InputFile> open(const std::string& path);

  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;

  const std::string& path() const { return path_; }
  std::string name() const;                 // the last part of the path, for errors
  int64_t bytes() const { return bytes_; }  // when it was opened

  // Fills `out` from byte `offset` on; callable on any thread. It is an error if the file has become shorter. Errors
  // begin with the file's name.
  Status read(int64_t offset, std::span<std::byte> out) const;
  // Announces that these bytes are read soon, so that the disk can begin. Bytes beyond the end are ignored.
  void read_ahead(int64_t offset, int64_t bytes) const;
  // The first bytes, at most `bytes`.
  Result<std::vector<std::byte>> read_head(int64_t bytes) const;
  // The identity now.
  Result<FileIdentity> identity() const;

 private:
  InputFile(std::string path, int fd, int64_t bytes) : path_(std::move(path)), fd_(fd), bytes_(bytes) {}

  std::string path_;
  int fd_ = -1;
  int64_t bytes_ = 0;
};

// Whether anything has this name. A dangling link counts, as an interrupted download leaves it: opening it explains the
// problem.
bool is_there(const std::string& path);

// Reads a whole file of at most `max_bytes` bytes.
Result<std::string> read_text_file(const std::string& path, int64_t max_bytes = int64_t{256} << 20);

}  // namespace braid
