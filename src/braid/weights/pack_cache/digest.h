// SHA-256, as a name for content that must never be confused with other content. Tested by file_hash_test.cc and
// pack_cache_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace braid {

using Digest = std::array<uint64_t, 4>;  // the 32 bytes, in order

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::span<const std::byte> bytes);
  Digest digest();  // call it once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Digest digest_of(std::string_view text);

std::string to_hex(const Digest& digest);

}  // namespace braid
