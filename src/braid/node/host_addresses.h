// Under which address another host reaches this one. Tested by host_addresses_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// An IPv4 address of a host, and its network.
struct HostAddress {
  uint32_t address = 0;  // in the order of this machine's bytes
  uint32_t mask = 0;

  bool operator==(const HostAddress&) const = default;
};

// Those of this host's interfaces that are up, without loopback, in the system's order.
std::vector<HostAddress> own_addresses();

std::string address_text(uint32_t address);  // "10.0.0.1"
Result<uint32_t> parse_address(const std::string& text);

// Where a host with `own` addresses reaches one with `theirs`, of which there is at least one. Pure. The first that is
// in one of its own networks; bridges of containers, which have the same address on every host, do not count. If
// nothing fits, the first: routers may know it.
uint32_t pick_address(std::span<const uint32_t> theirs, std::span<const HostAddress> own);

}  // namespace braid
