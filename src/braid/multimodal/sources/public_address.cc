#include "braid/multimodal/sources/public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace braid {
namespace {

struct Ipv4Range {
  uint32_t network;
  int bits;
};

constexpr uint32_t ipv4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}

constexpr std::array kSpecialIpv4 = {
    Ipv4Range{ipv4(0, 0, 0, 0), 8},        // this network
    Ipv4Range{ipv4(10, 0, 0, 0), 8},       // private
    Ipv4Range{ipv4(100, 64, 0, 0), 10},    // shared by a provider's customers
    Ipv4Range{ipv4(127, 0, 0, 0), 8},      // loopback
    Ipv4Range{ipv4(169, 254, 0, 0), 16},   // link-local; clouds' metadata
    Ipv4Range{ipv4(172, 16, 0, 0), 12},    // private
    Ipv4Range{ipv4(192, 0, 0, 0), 24},     // protocol assignments
    Ipv4Range{ipv4(192, 0, 2, 0), 24},     // documentation
    Ipv4Range{ipv4(192, 88, 99, 0), 24},   // 6to4 relays
    Ipv4Range{ipv4(192, 168, 0, 0), 16},   // private
    Ipv4Range{ipv4(198, 18, 0, 0), 15},    // benchmarks
    Ipv4Range{ipv4(198, 51, 100, 0), 24},  // documentation
    Ipv4Range{ipv4(203, 0, 113, 0), 24},   // documentation
    Ipv4Range{ipv4(224, 0, 0, 0), 3},      // multicast, reserved, broadcast
};

bool is_public_ipv4(uint32_t address) {
  return std::ranges::none_of(
      kSpecialIpv4, [&](const Ipv4Range& range) { return (address ^ range.network) >> (32 - range.bits) == 0; });
}

uint32_t word_of(const uint8_t* bytes) {
  return ipv4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

bool is_public_ipv6(const uint8_t* bytes) {
  const uint32_t first = word_of(bytes);
  const uint32_t second = word_of(bytes + 4);
  if (first == 0 && second == 0 && word_of(bytes + 8) == 0x0000ffff)
    return is_public_ipv4(word_of(bytes + 12));  // ::ffff:
  if (first == 0x0064ff9b && second == 0 && word_of(bytes + 8) == 0)
    return is_public_ipv4(word_of(bytes + 12));                                      // NAT64
  if (first >> 29 != 1) return false;                                                // outside 2000::/3
  if (first >> 16 == 0x2002) return is_public_ipv4((first << 16) | (second >> 16));  // 6to4
  if (first >> 9 == 0x20010000U >> 9) return false;                                  // 2001::/23: Teredo and protocols
  if (first == 0x20010db8) return false;                                             // documentation
  return first >> 12 != 0x3fff0;                                                     // documentation
}

}  // namespace

bool is_public_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in = {};
    std::memcpy(&in, &address, sizeof(in));
    return is_public_ipv4(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in = {};
    std::memcpy(&in, &address, sizeof(in));
    return is_public_ipv6(in.sin6_addr.s6_addr);
  }
  return false;
}

std::string address_text(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  if (address.sa_family == AF_INET) {
    sockaddr_in in = {};
    std::memcpy(&in, &address, sizeof(in));
    ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 in = {};
    std::memcpy(&in, &address, sizeof(in));
    ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
  }
  return text[0] != '\0' ? text.data() : "an address that is not IP";
}

}  // namespace braid
