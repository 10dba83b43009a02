#include "braid/multimodal/sources/public_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <string>

namespace braid {
namespace {

sockaddr_storage address_of(const std::string& text) {
  sockaddr_storage storage = {};
  sockaddr_in in = {.sin_family = AF_INET};
  sockaddr_in6 in6 = {};
  in6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET, text.c_str(), &in.sin_addr) == 1) {
    std::memcpy(&storage, &in, sizeof(in));
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &in6.sin6_addr), 1) << text;
    std::memcpy(&storage, &in6, sizeof(in6));
  }
  return storage;
}

bool is_public(const std::string& text) {
  const sockaddr_storage storage = address_of(text);
  const auto& address = reinterpret_cast<const sockaddr&>(storage);
  EXPECT_NE(address_text(address), "an address that is not IP");
  return is_public_address(address);
}

TEST(PublicAddress, SpecialRangesAreNot) {
  for (const char* text : {"0.0.0.0",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.1.2.3",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.1",
                           "192.0.2.5",
                           "192.88.99.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.7",
                           "203.0.113.9",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.1.2.3",
                           "64:ff9b::a00:1",
                           "64:ff9b:1::1",
                           "100::1",
                           "2001::1",
                           "2001:db8::1",
                           "2002:7f00:1::",
                           "2002:c0a8:101::1",
                           "3fff::1",
                           "fc00::1",
                           "fd12:3456::1",
                           "fe80::1",
                           "ff02::1",
                           "::7f00:1",
                           "5f00::1"}) {
    EXPECT_FALSE(is_public(text)) << text;
  }
}

TEST(PublicAddress, OthersAre) {
  for (const char* text :
       {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",  "11.0.0.0",         "100.63.255.255",
        "100.128.0.0",     "126.255.255.255", "128.0.0.1",      "169.253.255.255",  "172.15.255.255",
        "172.32.0.0",      "192.0.1.1",       "198.17.255.255", "198.20.0.0",       "223.255.255.255",
        "2606:4700::1111", "2a00:1450::1",    "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_TRUE(is_public(text)) << text;
  }
}

TEST(PublicAddress, OtherFamiliesAreNot) {
  const sockaddr_un address = {.sun_family = AF_UNIX};
  EXPECT_FALSE(is_public_address(reinterpret_cast<const sockaddr&>(address)));
  EXPECT_EQ(address_text(reinterpret_cast<const sockaddr&>(address)), "an address that is not IP");
}

TEST(PublicAddress, TextIsTheUsualForm) {
  const sockaddr_storage storage = address_of("2606:4700::1111");
  EXPECT_EQ(address_text(reinterpret_cast<const sockaddr&>(storage)), "2606:4700::1111");
}

}  // namespace
}  // namespace braid
