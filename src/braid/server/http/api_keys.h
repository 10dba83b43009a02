// The keys that open the server. A comparison takes the same time however much of a key the client has right. Tested by
// guard_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/server/http/handler.h"

namespace braid::http {

class ApiKeys {
 public:
  explicit ApiKeys(std::span<const std::string> keys);

  bool empty() const { return digests_.empty(); }
  bool accepts(std::string_view key) const;

 private:
  using Digest = std::array<uint8_t, 32>;  // SHA-256: equal lengths to compare, and no key stays in memory
  std::vector<Digest> digests_;
};

// "Authorization: Bearer KEY" or "X-Api-Key: KEY"; empty if there is neither.
std::string_view presented_key(const Request& request);

}  // namespace braid::http
