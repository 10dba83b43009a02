#include "braid/multimodal/sources/remote_media.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "braid/base/curl_library.h"
#include "braid/multimodal/sources/image_source.h"
#include "braid/multimodal/sources/public_address.h"

namespace braid {
namespace {

constexpr size_t kMaxUrl = 8192;

// What libcurl's callbacks know of one fetch.
struct MediaFetch {
  const MediaPolicy& policy;
  MediaBytes body;
  bool is_too_long = false;
  std::string refused_address;
};

curl_socket_t open_checked_socket(void* user, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& fetch = *static_cast<MediaFetch*>(user);
  if (!fetch.policy.allows_private_addresses && !is_public_address(address->addr)) {
    fetch.refused_address = address_text(address->addr);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// Taking fewer bytes than offered ends the transfer.
size_t take_media(char* data, size_t size, size_t count, void* user) {
  auto& fetch = *static_cast<MediaFetch*>(user);
  const size_t bytes = size * count;
  if (static_cast<int64_t>(fetch.body.size() + bytes) > fetch.policy.max_bytes) {
    fetch.is_too_long = true;
    return 0;
  }
  fetch.body.append(data, bytes);
  return bytes;
}

void set_options(const CurlLibrary& curl, CURL* handle, const std::string& url, MediaFetch& fetch,
                 std::array<char, CURL_ERROR_SIZE>& problem) {
  const MediaPolicy& policy = fetch.policy;
  const bool is_https = url.size() > 5 && (url[4] == 's' || url[4] == 'S');
  curl.easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl.easy_setopt(handle, CURLOPT_ERRORBUFFER, problem.data());
  curl.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl.easy_setopt(handle, CURLOPT_USERAGENT, "braid");
  curl.easy_setopt(handle, CURLOPT_PROXY, "");  // a proxy would choose the address
  curl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https,http");
  curl.easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "https,http");
  curl.easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl.easy_setopt(handle, CURLOPT_MAXREDIRS, static_cast<long>(policy.max_redirections));
  curl.easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(policy.timeout.count()));
  curl.easy_setopt(handle, CURLOPT_FAILONERROR, 1L);  // no body of a 404
  curl.easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_checked_socket);
  curl.easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &fetch);
  curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_media);
  curl.easy_setopt(handle, CURLOPT_WRITEDATA, &fetch);
}

}  // namespace

Result<MediaBytes> fetch_remote_media(std::string_view url, const MediaPolicy& policy) {
  if (!policy.allows_remote) {
    return fail("image \"{}\": other hosts' images are fetched with --allow-remote-media only", url_excerpt(url));
  }
  if (url.size() > kMaxUrl || url.find('\0') != std::string_view::npos) {
    return fail("image \"{}\": a URL has at most {} characters, and no NUL", url_excerpt(url), kMaxUrl);
  }
  TRY(const CurlLibrary* const curl, curl_library());
  const std::unique_ptr<CURL, decltype(curl->easy_cleanup)> handle(curl->easy_init(), curl->easy_cleanup);
  if (handle == nullptr) return fail("libcurl cannot be started");
  MediaFetch fetch{.policy = policy};
  const std::string text(url);
  std::array<char, CURL_ERROR_SIZE> problem = {};
  set_options(*curl, handle.get(), text, fetch, problem);
  const CURLcode code = curl->easy_perform(handle.get());
  if (code == CURLE_OK) return std::move(fetch.body);
  if (fetch.is_too_long)
    return fail("image \"{}\": has more than {} bytes, the limit", url_excerpt(url), policy.max_bytes);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return fail("image \"{}\": did not arrive within {} ms, the limit", url_excerpt(url), policy.timeout.count());
  }
  if (code == CURLE_TOO_MANY_REDIRECTS) {
    return fail("image \"{}\": is redirected more than {} times, the limit", url_excerpt(url), policy.max_redirections);
  }
  if (code == CURLE_COULDNT_CONNECT && !fetch.refused_address.empty()) {
    return fail("image \"{}\": leads to {}, which is no public address", url_excerpt(url), fetch.refused_address);
  }
  return fail("image \"{}\": cannot be fetched: {}", url_excerpt(url),
              problem[0] != '\0' ? problem.data() : curl->easy_strerror(code));
}

}  // namespace braid
