// Files that the cache is made of, as they are written: a blob that comes in, the lock that keeps two processes from
// downloading it both, links and references.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "braid/base/result.h"

namespace braid {

// A file that grows, as HASH.incomplete: what an earlier download left in it stays.
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
  // On the disk, and under the name that it is to have.
  Status finish(const std::string& final_path);

 private:
  IncompleteBlob(std::string path, int fd, int64_t bytes) : path_(std::move(path)), fd_(fd), bytes_(bytes) {}

  std::string path_;
  int fd_;
  int64_t bytes_;
};

// Held by one process at a time, as Hugging Face's tools hold it (flock). A process that ends lets go of it.
class BlobLock {
 public:
  // Waits for it; `on_wait` is called once before that, where another process has it.
  static Result<BlobLock> take(const std::string& path, const std::function<void()>& on_wait);
  ~BlobLock();
  BlobLock(BlobLock&& other) noexcept;
  BlobLock& operator=(BlobLock&&) = delete;

 private:
  explicit BlobLock(int fd) : fd_(fd) {}
  int fd_;
};

// Makes the folder of `path`, and those above it.
Status make_folder_of(const std::string& path);

// A relative link at `path` to `target`, in place of what was there.
Status write_link(const std::string& path, const std::string& target);

// A small file, whole or as it was before.
Status write_small_file(const std::string& path, const std::string& text);

// Bytes that may still be written where `path` lies; nothing known: a very large number.
int64_t free_bytes(const std::string& path);

}  // namespace braid
