#include "braid/wire/transport/bound_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace braid {

Result<BoundSocket> BoundSocket::bind(const std::string& address, int32_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1) return fail("{} is no IPv4 address", address);
  BoundSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  setsockopt(socket.file_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));  // the port of one that has just ended
  socklen_t size = sizeof(name);
  if (::bind(socket.file_, reinterpret_cast<const sockaddr*>(&name), size) != 0 ||
      getsockname(socket.file_, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return fail("cannot listen at {}:{}: {}", address, port, std::strerror(errno));
  }
  socket.port_ = ntohs(name.sin_port);
  return socket;
}

BoundSocket::BoundSocket(BoundSocket&& other) noexcept
    : file_(std::exchange(other.file_, -1)), port_(std::exchange(other.port_, 0)) {}

BoundSocket::~BoundSocket() {
  if (file_ >= 0) close(file_);
}

int BoundSocket::release() {
  return std::exchange(file_, -1);
}

}  // namespace braid
