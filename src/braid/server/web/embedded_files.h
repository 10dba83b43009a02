// The files of the web page (page/), as they were when the program was built. cmake/embed_files.cmake writes the
// source. Tested by web_page_test.cc.
#pragma once

#include <span>
#include <string_view>

namespace braid {

struct EmbeddedFile {
  std::string_view name;  // "chat.js"
  std::string_view bytes;
  std::string_view sha256;  // hexadecimal
};

std::span<const EmbeddedFile> embedded_files();

}  // namespace braid
