// From where images may come, and what one may cost. Tested by image_source_test.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace braid {

struct MediaPolicy {
  std::string local_path;      // --allowed-local-media-path; empty: no file:// URLs
  bool allows_remote = false;  // --allow-remote-media: http:// and https:// URLs
  int64_t max_bytes = int64_t{32} << 20;
  std::chrono::milliseconds timeout{10'000};  // of a whole fetch, redirections included
  int32_t max_redirections = 5;
  // Addresses of this host and of private networks are refused, or a URL could reach what only this host may reach. For
  // tests, which fetch from a server of their own.
  bool allows_private_addresses = false;
};

using MediaBytes = std::string;  // as RequestImage has them

}  // namespace braid
