// Memory that a process leaves to the next one: a file without a name on any disk. A process that lives longer keeps it
// open (MemoryKeeper), and it goes with the last process that has it open, however these end. Tested by
// kept_memory_test.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

class MemoryKeeper {
 public:
  // An empty file for each name, and a link to it in `folder`, which is made.
  static Result<MemoryKeeper> make(std::filesystem::path folder, std::span<const std::string> names);
  MemoryKeeper(MemoryKeeper&& other) noexcept;
  MemoryKeeper& operator=(MemoryKeeper&& other) noexcept;
  ~MemoryKeeper();

  const std::filesystem::path& folder() const { return folder_; }

 private:
  explicit MemoryKeeper(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
  std::vector<int> files_;
};

// Such a file, in the process that uses it. One process at a time: another one that still has it, also if it is only
// about to end, is waited for.
class KeptMemory {
 public:
  // Absent: nobody keeps a file of this name there. An error if it cannot be had within `wait_s`.
  static Result<std::optional<KeptMemory>> open(const std::filesystem::path& folder, const std::string& name,
                                                double wait_s);
  KeptMemory(KeptMemory&& other) noexcept;
  KeptMemory& operator=(KeptMemory&& other) noexcept;
  ~KeptMemory();

  int64_t bytes() const;            // its size
  int64_t committed_bytes() const;  // for which the system has memory
  int file() const { return file_; }
  // What it had is gone: it has zeros, and memory only once they are touched.
  Status clear(int64_t bytes);

 private:
  explicit KeptMemory(int file) : file_(file) {}

  int file_ = -1;
};

}  // namespace braid
