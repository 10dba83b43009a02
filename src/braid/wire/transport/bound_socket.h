// A TCP socket that has its port before its user is there: a front that is not started yet (FrontLinkOptions). Tested
// by process_link_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "braid/base/result.h"

namespace braid {

class BoundSocket {
 public:
  // `address`: IPv4, "0.0.0.0" for all. `port` 0: any that is free. Nobody can connect before somebody listens there.
  static Result<BoundSocket> bind(const std::string& address, int32_t port);
  BoundSocket(BoundSocket&& other) noexcept;
  BoundSocket& operator=(BoundSocket&&) = delete;
  ~BoundSocket();

  int32_t port() const { return port_; }
  // Its file, which is the caller's from now on.
  int release();

 private:
  explicit BoundSocket(int file) : file_(file) {}

  int file_ = -1;
  int32_t port_ = 0;
};

}  // namespace braid
