#include "braid/server/parsers/byte_stream.h"

#include <utility>

namespace braid::parsers {

void ByteStream::push(std::string_view text) {
  if (text.empty()) return;
  text_ = text;
  run();
  text_ = {};
}

void ByteStream::finish() {
  has_ended_ = true;
  run();
}

void ByteStream::take(size_t num_bytes) {
  if (again_.empty()) {
    text_.remove_prefix(num_bytes);
    return;
  }
  again_begin_ += num_bytes;
  if (again_begin_ == again_.size()) {
    again_.clear();
    again_begin_ = 0;
  }
}

void ByteStream::put_back(std::string_view text) {
  if (text.size() <= again_begin_) {  // usually the part just taken
    again_begin_ -= text.size();
    text.copy(again_.data() + again_begin_, text.size());
  } else {
    again_.replace(0, again_begin_, text);
    again_begin_ = 0;
  }
}

void ByteStream::run() {
  is_waiting_ = false;
  while (!parts_.empty() && !is_waiting_) {
    parts_.back().resume();
    if (exception_) {  // such as out of memory: the parser cannot go on
      parts_.clear();
      std::rethrow_exception(std::exchange(exception_, nullptr));
    }
  }
}

}  // namespace braid::parsers
