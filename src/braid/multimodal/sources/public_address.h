// Whether an address is one of the public internet. Tested by public_address_test.cc.
#pragma once

#include <sys/socket.h>

#include <string>

namespace braid {

// False for this host, private, link-local, shared, multicast, documentation and reserved ranges (IANA's
// special-purpose registries), for IPv6 addresses that embed such an IPv4 address, and for what is neither IPv4 nor
// IPv6.
bool is_public_address(const sockaddr& address);

std::string address_text(const sockaddr& address);  // "127.0.0.1"

}  // namespace braid
