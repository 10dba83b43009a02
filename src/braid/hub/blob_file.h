// Writes the files of the cache: an incoming blob, the lock that keeps two processes from downloading the same blob,
// links and references.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "braid/base/result.h"

namespace braid {

// A growing file, HASH.incomplete. It keeps what an earlier download left in it.
class IncompleteBlob {
 public:
  static Result<IncompleteBlob> open(const std::string& path);
  ~IncompleteBlob();
  IncompleteBlob(IncompleteBlob&& other) noexcept;
  IncompleteBlob& operator=(IncompleteBlob&&) = delete;

  const std::string& path() const { return path_; }
  int64_t bytes() const { return bytes_; }
  Status append(std::span<const std::byte> bytes);
  Status clear();
  // Flushes the file to disk and renames it.
  Status finish(const std::string& final_path);

 private:
  IncompleteBlob(std::string path, int fd, int64_t bytes) : path_(std::move(path)), fd_(fd), bytes_(bytes) {}

  std::string path_;
  int fd_;
  int64_t bytes_;
};

// A lock that one process holds at a time; Hugging Face's tools use the same one (flock). It is released when the
// process ends.
class BlobLock {
 public:
  // Waits for the lock. If another process has it, calls `on_wait` once first.
  static Result<BlobLock> take(const std::string& path, const std::function<void()>& on_wait);
  ~BlobLock();
  BlobLock(BlobLock&& other) noexcept;
  BlobLock& operator=(BlobLock&&) = delete;

 private:
  explicit BlobLock(int fd) : fd_(fd) {}
  int fd_;
};

// Creates the folder of `path` and its parents.
Status make_folder_of(const std::string& path);

// Writes a relative link at `path` to `target`, and replaces what was there.
Status write_link(const std::string& path, const std::string& target);

// Writes a small file atomically: readers see the old or the new one.
Status write_small_file(const std::string& path, const std::string& text);

// Bytes that can still be written where `path` lies; if unknown, a very large number.
int64_t free_bytes(const std::string& path);

}  // namespace braid
