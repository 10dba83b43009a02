// From where images may come, and what one may cost. Tested by image_source_test.cc.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace braid {

struct MediaPolicy {
  std::string local_path;      // --allowed-local-media-path; empty: no file:// URLs
  bool allows_remote = false;  // --allow-remote-media: http:// and https:// URLs
  int64_t max_bytes = int64_t{32} << 20;
  std::chrono::milliseconds timeout{10'000};  // of a whole fetch, redirections included
  int32_t max_redirections = 5;
  // Of all images that one request names by URLs: no further one is fetched beyond.
  int64_t max_request_bytes = int64_t{256} << 20;
  std::chrono::milliseconds request_timeout{30'000};
  // Called around the fetching of a request's images, which may take as long. The first returns false if too many
  // requests wait for theirs already. Null: not called.
  std::function<bool()> begin_wait = {};
  std::function<void()> end_wait = {};
  // Addresses of this host and of private networks are refused, or a URL could reach what only this host may reach. For
  // tests, which fetch from a server of their own.
  bool allows_private_addresses = false;
};

using MediaBytes = std::string;  // as RequestImage has them

}  // namespace braid
