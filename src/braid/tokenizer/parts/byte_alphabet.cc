#include "braid/tokenizer/parts/byte_alphabet.h"

#include "braid/tokenizer/unicode/utf8.h"

namespace braid {

ByteAlphabet::ByteAlphabet() {
  byte_of_.fill(-1);
  char32_t next_other = 0x100;  // unprintable bytes map to the characters from U+0100 on
  for (int byte = 0; byte < 256; ++byte) {
    const bool is_printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const char32_t character = is_printable ? static_cast<char32_t>(byte) : next_other++;
    byte_of_[character] = static_cast<int16_t>(byte);
    std::string utf8;
    unicode::append_code_point(character, utf8);
    utf8.copy(encoded_[byte].data(), 2);
    encoded_length_[byte] = static_cast<uint8_t>(utf8.size());
  }
}

void ByteAlphabet::append_encoded(std::string_view bytes, std::string& out) const {
  const size_t start = out.size();
  out.resize(start + bytes.size() * 2);
  char* end = out.data() + start;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    end[0] = encoded_[byte][0];
    end[1] = encoded_[byte][1];
    end += encoded_length_[byte];
  }
  out.resize(static_cast<size_t>(end - out.data()));
}

std::string ByteAlphabet::decode(std::string_view token) const {
  std::string bytes;
  for (size_t i = 0; i < token.size(); i += unicode::sequence_length(token[i])) {
    const char32_t character = unicode::decode_valid(token.data() + i);
    if (character >= kNumCharacters || byte_of_[character] < 0) return std::string(token);
    bytes.push_back(static_cast<char>(byte_of_[character]));
  }
  return bytes;
}

}  // namespace braid
