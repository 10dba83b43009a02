// JSON as models write it, byte by byte. Lenient: a call's arguments are passed on as the model wrote them, so only
// their extent must be known. Tested by json_calls_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace braid::parsers {

// Appends `text` with the escapes that a JSON string needs.
void append_json_escaped(std::string_view text, std::string& out);

// Finds where a value ends.
class JsonExtent {
 public:
  // Whether `next` belongs to the value. Not to be called again after false, or when the value is complete.
  bool takes(char next);
  // The last byte closed an object, array or string. (A number or word ends before the first byte after it.)
  bool is_complete() const { return is_complete_; }
  bool is_in_string() const { return in_string_; }

 private:
  bool has_begun_ = false;
  bool is_word_ = false;
  bool in_string_ = false;
  bool is_escaped_ = false;
  bool is_complete_ = false;
  int64_t depth_ = 0;
};

// A string's value, from the bytes after its opening quote. An invalid escape sequence stands for itself.
class JsonStringDecoder {
 public:
  // Appends the bytes that are certain now. True: `next` was the closing quote.
  bool add(char next, std::string& out);
  // The string was never closed.
  void finish(std::string& out) { flush(out); }

 private:
  void flush(std::string& out);
  void end_escape(std::string& out);

  std::string escape_;           // an incomplete escape sequence, from its backslash
  uint32_t high_surrogate_ = 0;  // waits for the low one
};

}  // namespace braid::parsers
