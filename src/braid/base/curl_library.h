// libcurl, which is loaded when something is first fetched from another host: with it come some twenty libraries, which
// take 3 MB of a program that fetches nothing. Tested by curl_library_test.cc.
#pragma once

#include <curl/curl.h>

#include "braid/base/result.h"

namespace braid {

// The functions of libcurl that braid calls, under their names without "curl_".
struct CurlLibrary {
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

// Loaded and initialised once, and never unloaded. Any thread may call it. Errors say what is missing.
Result<const CurlLibrary*> curl_library();

}  // namespace braid
