// For tests: a pipe that nobody reads, until the test does.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "braid/base/check.h"

namespace braid::testing {

class TestPipe {
 public:
  TestPipe() { CHECK(::pipe2(files_.data(), O_CLOEXEC) == 0); }
  ~TestPipe() {
    ::close(files_[0]);
    close_writing();
  }
  TestPipe(const TestPipe&) = delete;
  TestPipe& operator=(const TestPipe&) = delete;

  int write_end() const { return files_[1]; }
  void close_writing() {
    if (files_[1] >= 0) ::close(files_[1]);
    files_[1] = -1;
  }

  // The next write blocks. Returns how many bytes that took.
  size_t fill() const {
    ::fcntl(files_[1], F_SETPIPE_SZ, 4096);
    const int flags = ::fcntl(files_[1], F_GETFL);
    ::fcntl(files_[1], F_SETFL, flags | O_NONBLOCK);
    size_t size = 0;
    while (::write(files_[1], "x", 1) == 1) ++size;
    CHECK(errno == EAGAIN);
    ::fcntl(files_[1], F_SETFL, flags);
    return size;
  }

  // Waits until so many bytes wait to be read.
  void wait_for(size_t size) const {
    int num_waiting = 0;
    while (static_cast<size_t>(num_waiting) < size) CHECK(::ioctl(files_[0], FIONREAD, &num_waiting) == 0);
  }

  // Waits for the next `size` bytes; fewer at the end.
  std::string read(size_t size) const {
    std::string bytes;
    std::string part(4096, '\0');
    while (bytes.size() < size) {
      const ssize_t got = ::read(files_[0], part.data(), std::min(part.size(), size - bytes.size()));
      if (got <= 0) break;
      bytes.append(part, 0, static_cast<size_t>(got));
    }
    return bytes;
  }
  std::string read_all() const { return read(std::string::npos); }
  std::string read_line() const {
    std::string line;
    for (std::string next = read(1); !next.empty(); next = read(1)) {
      line += next;
      if (next == "\n") break;
    }
    return line;
  }

 private:
  std::array<int, 2> files_ = {-1, -1};
};

}  // namespace braid::testing
