// The keys that open the server. Comparing takes the same time whatever the presented key has in common with them.
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
  using Digest = std::array<uint8_t, 32>;  // SHA-256: equal lengths to compare, and no key left lying in memory
  std::vector<Digest> digests_;
};

// "Authorization: Bearer KEY" or "X-Api-Key: KEY"; empty if there is neither.
std::string_view presented_key(const Request& request);

}  // namespace braid::http
