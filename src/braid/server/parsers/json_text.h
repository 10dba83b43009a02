// JSON as models write it, byte by byte. Lenient: the arguments of a call are handed on as they were written, and only
// their extent has to be known.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace braid::parsers {

// Appends `text` as it stands inside a JSON string.
void append_json_escaped(std::string_view text, std::string& out);

// Where a value ends.
class JsonExtent {
 public:
  // Whether `next` belongs to the value. Not asked again after false, or once the value is complete.
  bool takes(char next);
  // An object, array or string was closed by the last byte. (A number or word ends with the first byte behind it.)
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

// A string's value from its bytes behind the opening quote. What is no escape sequence stands for itself.
class JsonStringDecoder {
 public:
  // Appends what has become certain. True: `next` was the closing quote.
  bool add(char next, std::string& out);
  // The string was never closed.
  void finish(std::string& out) { flush(out); }

 private:
  void flush(std::string& out);
  void end_escape(std::string& out);

  std::string escape_;           // the escape sequence that is open, from its backslash
  uint32_t high_surrogate_ = 0;  // waits for the low one
};

}  // namespace braid::parsers
