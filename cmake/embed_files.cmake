# cmake -DFOLDER=… -DNAMES=a.js/b.css -DHEADER=… -DOUTPUT=… -P embed_files.cmake
# Writes a C++ source with the bytes and the SHA-256 of these files (cmake/braid_embed.cmake).
string(REPLACE "/" ";" names "${NAMES}")
set(arrays "")
set(entries "")
set(number 0)
foreach(name IN LISTS names)
  file(READ "${FOLDER}/${name}" hex HEX)
  file(SHA256 "${FOLDER}/${name}" digest)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays "constexpr unsigned char kBytes${number}[] = {\n${hex}0};\n")
  string(APPEND entries "    {\"${name}\", view(kBytes${number}, ${size}), \"${digest}\"},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "// Made by cmake/embed_files.cmake.
#include \"${HEADER}\"

#include <array>

namespace braid {
namespace {

${arrays}
std::string_view view(const unsigned char* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::span<const EmbeddedFile> embedded_files() {
  static const std::array<EmbeddedFile, ${number}> files{{
${entries}  }};
  return files;
}

}  // namespace braid
")
