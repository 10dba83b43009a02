#include "braid/node/host_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "braid/base/check.h"

namespace braid {
namespace {

uint32_t address_of(const sockaddr* any) {
  sockaddr_in name{};
  std::memcpy(&name, any, sizeof(name));
  return ntohl(name.sin_addr.s_addr);
}

}  // namespace

std::vector<HostAddress> own_addresses() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> all(first, freeifaddrs);
  std::vector<HostAddress> addresses;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || one->ifa_netmask == nullptr) continue;
    if ((one->ifa_flags & IFF_UP) == 0 || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    addresses.push_back({.address = address_of(one->ifa_addr), .mask = address_of(one->ifa_netmask)});
  }
  return addresses;
}

std::string address_text(uint32_t address) {
  const in_addr name{.s_addr = htonl(address)};
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &name, text, sizeof(text));
  return text;
}

Result<uint32_t> parse_address(const std::string& text) {
  in_addr name{};
  if (inet_pton(AF_INET, text.c_str(), &name) != 1) return fail("\"{}\" is no IPv4 address", text);
  return ntohl(name.s_addr);
}

uint32_t pick_address(std::span<const uint32_t> theirs, std::span<const HostAddress> own) {
  CHECK(!theirs.empty(), "a host without an address");
  const auto is_own = [&](uint32_t address) {
    return std::ranges::any_of(own, [&](const HostAddress& one) { return one.address == address; });
  };
  if (std::ranges::all_of(theirs, is_own)) return theirs.front();  // it is this host
  const auto is_near = [&](uint32_t address) {
    return std::ranges::any_of(own, [&](const HostAddress& one) { return ((one.address ^ address) & one.mask) == 0; });
  };
  for (const uint32_t address : theirs) {
    if (!is_own(address) && is_near(address)) return address;
  }
  return *std::ranges::find_if_not(theirs, is_own);
}

}  // namespace braid
