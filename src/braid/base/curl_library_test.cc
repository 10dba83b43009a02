#include "braid/base/curl_library.h"

#include <gtest/gtest.h>

#include <string>

namespace braid {
namespace {

TEST(CurlLibrary, IsLoadedOnceAndWorks) {
  const auto curl = curl_library();
  ASSERT_TRUE(curl.ok()) << curl.error().message;
  EXPECT_EQ(*curl_library(), *curl);
  CURL* const handle = (*curl)->easy_init();
  ASSERT_NE(handle, nullptr);
  EXPECT_EQ((*curl)->easy_setopt(handle, CURLOPT_URL, "nothing://here"), CURLE_OK);
  const CURLcode code = (*curl)->easy_perform(handle);
  EXPECT_EQ(code, CURLE_UNSUPPORTED_PROTOCOL) << (*curl)->easy_strerror(code);
  (*curl)->easy_cleanup(handle);
}

}  // namespace
}  // namespace braid
