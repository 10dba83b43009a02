// Images in files below the one folder that --allowed-local-media-path names. Tested by local_media_test.cc.
#pragma once

#include <string_view>

#include "braid/base/result.h"
#include "braid/multimodal/sources/media_policy.h"

namespace braid {

// `url`: file:///absolute/path. The file that is read, after all links, is a regular one below the folder. To a client
// every other path is one error, whether there is a file or not.
Result<MediaBytes> read_local_media(std::string_view url, const MediaPolicy& policy);

}  // namespace braid
