#include "braid/base/curl_library.h"

#include <dlfcn.h>

namespace braid {
namespace {

constexpr const char* kCurlFile = "libcurl.so.4";

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

Result<CurlLibrary> load_curl() {
  void* const library = dlopen(kCurlFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail("libcurl cannot be loaded: {}", dlerror());
  CurlLibrary curl;
  decltype(&curl_global_init) global_init = nullptr;
  const bool has_all =
      find(library, "curl_global_init", global_init) && find(library, "curl_easy_init", curl.easy_init) &&
      find(library, "curl_easy_cleanup", curl.easy_cleanup) && find(library, "curl_easy_setopt", curl.easy_setopt) &&
      find(library, "curl_easy_perform", curl.easy_perform) && find(library, "curl_easy_getinfo", curl.easy_getinfo) &&
      find(library, "curl_easy_strerror", curl.easy_strerror) &&
      find(library, "curl_slist_append", curl.slist_append) &&
      find(library, "curl_slist_free_all", curl.slist_free_all);
  if (!has_all) return fail("{} lacks functions of libcurl", kCurlFile);
  if (global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail("libcurl cannot be started");
  return curl;
}

}  // namespace

Result<const CurlLibrary*> curl_library() {
  static const Result<CurlLibrary> loaded = load_curl();
  if (!loaded.ok()) return loaded.error();
  return &*loaded;
}

}  // namespace braid
