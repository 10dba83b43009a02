// Files that are read in pieces, and small files as text. Only regular files (links are followed): a pipe or a device
// named as a checkpoint is an error, not a hang.
//
// Nothing is mapped: a mapped file that shrinks ends the process at the next look, a read of one is an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// Which file it is and when it was last written, as the file system says.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t bytes = 0;
  int64_t modified_ns = 0;  // since 1970; whoever may write the file can set it
  int64_t changed_ns = 0;   // the same, and nobody can

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

  // All of `out`, from byte `offset` on, on any thread. An error, which begins with the file's name, if the file has
  // become shorter.
  Status read(int64_t offset, std::span<std::byte> out) const;
  // These bytes will be read soon: the disk may begin. Those beyond the end are none.
  void read_ahead(int64_t offset, int64_t bytes) const;
  // Its first bytes, at most as many as it has.
  Result<std::vector<std::byte>> read_head(int64_t bytes) const;
  // As it is now.
  Result<FileIdentity> identity() const;

 private:
  InputFile(std::string path, int fd, int64_t bytes) : path_(std::move(path)), fd_(fd), bytes_(bytes) {}

  std::string path_;
  int fd_ = -1;
  int64_t bytes_ = 0;
};

// Whether anything has this name. Also a link to nothing, as a download that was cut off leaves them: opening it says
// what is wrong.
bool is_there(const std::string& path);

// A whole file of at most `max_bytes` bytes.
Result<std::string> read_text_file(const std::string& path, int64_t max_bytes = int64_t{256} << 20);

}  // namespace braid
