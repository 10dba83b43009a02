// Images from other hosts, with libcurl. Tested by remote_media_test.cc.
#pragma once

#include <string_view>

#include "braid/base/result.h"
#include "braid/multimodal/sources/media_policy.h"

namespace braid {

// Waits until the body is there, at most policy.timeout. The address that is connected to is checked, of each
// redirection too, so that no name and no redirection leads to a private one. No proxy, no cookies, no netrc.
Result<MediaBytes> fetch_remote_media(std::string_view url, const MediaPolicy& policy);

}  // namespace braid
