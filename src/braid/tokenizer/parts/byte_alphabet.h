// GPT-2's mapping between bytes and printable characters, used by byte-level vocabularies (Radford et al. 2019,
// encoder.py: bytes_to_unicode). Tested by parts_reference_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace braid {

class ByteAlphabet {
 public:
  ByteAlphabet();

  // Appends the character of each byte (UTF-8).
  void append_encoded(std::string_view bytes, std::string& out) const;
  // The bytes of the characters of `token`; `token` itself if one of its characters is not in the alphabet.
  std::string decode(std::string_view token) const;

 private:
  static constexpr size_t kNumCharacters = 0x144;  // U+0000 … U+0143
  std::array<std::array<char, 2>, 256> encoded_{};
  std::array<uint8_t, 256> encoded_length_{};
  std::array<int16_t, kNumCharacters> byte_of_{};  // -1: not in the alphabet
};

}  // namespace braid
