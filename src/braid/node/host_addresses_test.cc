#include "braid/node/host_addresses.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

uint32_t ipv4(const char* text) {
  return *parse_address(text);
}

HostAddress network_of(const char* text, const char* mask) {
  return {.address = ipv4(text), .mask = ipv4(mask)};
}

std::string picked_address(const std::vector<const char*>& theirs, const std::vector<HostAddress>& own) {
  std::vector<uint32_t> addresses;
  for (const char* text : theirs) addresses.push_back(ipv4(text));
  return address_text(pick_address(addresses, own));
}

const HostAddress kBridge = network_of("172.17.0.1", "255.255.0.0");  // the same on every host with containers

TEST(HostAddresses, TextsAreReadBack) {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "0.0.0.0"}) EXPECT_EQ(address_text(ipv4(text)), text);
  EXPECT_EQ(parse_address("host").error().message, "\"host\" is no IPv4 address");
}

TEST(HostAddresses, AnAddressOfACommonNetworkIsPicked) {
  const HostAddress fast = network_of("10.1.0.2", "255.255.255.0");
  EXPECT_EQ(picked_address({"192.168.3.7", "10.1.0.1"}, {network_of("192.168.4.9", "255.255.255.0"), fast}),
            "10.1.0.1");
  EXPECT_EQ(picked_address({"192.168.3.7", "10.1.0.1"}, {network_of("192.168.4.9", "255.255.0.0"), fast}),
            "192.168.3.7");
}

TEST(HostAddresses, ABridgeThatBothHaveIsNone) {
  EXPECT_EQ(picked_address({"172.17.0.1", "10.1.0.1"}, {kBridge, network_of("10.1.0.2", "255.255.255.0")}), "10.1.0.1");
  EXPECT_EQ(picked_address({"172.17.0.1", "10.9.0.1"}, {kBridge, network_of("10.1.0.2", "255.255.255.0")}), "10.9.0.1");
}

TEST(HostAddresses, TheSameHostHasItsOwn) {
  EXPECT_EQ(picked_address({"10.1.0.2", "172.17.0.1"}, {network_of("10.1.0.2", "255.255.255.0"), kBridge}), "10.1.0.2");
}

TEST(HostAddresses, WithoutACommonNetworkTheFirstIsPicked) {
  EXPECT_EQ(picked_address({"10.2.0.1", "10.3.0.1"}, {network_of("10.1.0.2", "255.255.255.0")}), "10.2.0.1");
  EXPECT_EQ(picked_address({"10.2.0.1"}, {}), "10.2.0.1");
}

TEST(HostAddresses, ThisHostsAreNotLoopback) {
  for (const HostAddress& own : own_addresses()) EXPECT_NE(own.address >> 24, 127U);
}

}  // namespace
}  // namespace braid
