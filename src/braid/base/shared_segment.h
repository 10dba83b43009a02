// Memory that other processes of this host can map: written once by the one that makes it, read by all. It has no name,
// so nothing is left behind whatever happens to the processes; it goes when the last of them lets go. Tested by
// shared_segment_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "braid/base/result.h"

namespace braid {

class SharedSegment {
 public:
  // How another process finds it: an open file of this one.
  struct Handle {
    int32_t pid = 0;
    int32_t fd = 0;
    int64_t bytes = 0;

    bool operator==(const Handle&) const = default;
  };

  SharedSegment() = default;
  ~SharedSegment();
  SharedSegment(SharedSegment&& other) noexcept;
  SharedSegment& operator=(SharedSegment&& other) noexcept;

  // Zeros. `name`: what /proc calls it, behind "memfd:". An error where memory is short.
  static Result<SharedSegment> make(int64_t bytes, const char* name);
  // Another process' segment, to read. An error if that process does not show it to this one, or has let go of it.
  static Result<SharedSegment> open(const Handle& handle);

  bool is_empty() const { return memory_ == nullptr; }
  bool is_own() const { return fd_ >= 0; }  // this process made it, and others can open it
  std::span<std::byte> memory() { return {memory_, static_cast<size_t>(bytes_)}; }  // only of the one that made it
  std::span<const std::byte> memory() const { return {memory_, static_cast<size_t>(bytes_)}; }
  Handle handle() const;  // of the one that made it
  // From now on no other process can open it, and it costs no open file. The memory stays.
  void close_file();

 private:
  void release();

  std::byte* memory_ = nullptr;
  int64_t bytes_ = 0;
  int fd_ = -1;  // -1: opened
};

// Equal in two processes if one can open the other's segments: they are on one host, see the same processes, and belong
// to the same user.
std::string shared_segment_realm();

}  // namespace braid
