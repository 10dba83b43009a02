// An image's bytes from its URL, as requests give it: a data: URL, base64 alone, a file:// URL, or an http(s):// URL.
// Tested by image_source_test.cc and ../image_input_fuzz.cc.
#pragma once

#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/multimodal/sources/media_policy.h"

namespace braid {

// May wait for the network or a disk, so no step's thread calls it. Errors name the limit, or the flag that allows what
// was asked for.
Result<MediaBytes> load_image_source(std::string_view url, const MediaPolicy& policy);

// Whether the URL only names an image, in a file or on another host; others contain one, or are wrong.
bool names_image(std::string_view url);
// On another host, which may not answer for a while.
bool names_remote_image(std::string_view url);

// The URL for a message: its first characters, or the kind and length of one that holds an image.
std::string url_excerpt(std::string_view url);

}  // namespace braid
