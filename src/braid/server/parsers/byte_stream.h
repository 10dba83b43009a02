// A text that arrives in pieces, for a parser that reads it byte by byte. Tested by random_outputs_test.cc and
// json_calls_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/server/parsers/coroutine.h"

namespace braid::parsers {

class ByteStream final : public PartRunner {
 public:
  static constexpr int kEnd = -1;

  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Runs the parser until it needs more than this text.
  void push(std::string_view text);
  // The text is complete: runs the parser to its end.
  void finish();

  // For the parser: waits for the next byte. peek() returns the same byte until it is taken.
  class Peek {
   public:
    explicit Peek(ByteStream& stream) : stream_(stream) {}
    bool await_ready() const noexcept { return !stream_.available().empty() || stream_.has_ended_; }
    void await_suspend(std::coroutine_handle<>) const noexcept { stream_.is_waiting_ = true; }
    int await_resume() const noexcept {
      const std::string_view text = stream_.available();
      return text.empty() ? kEnd : static_cast<unsigned char>(text.front());
    }

   private:
    ByteStream& stream_;
  };
  Peek peek() { return Peek(*this); }
  // Bytes that can be read without waiting; not always all of them.
  std::string_view available() const { return again_.empty() ? text_ : std::string_view(again_).substr(again_begin_); }
  void take(size_t num_bytes);           // of the available ones
  void put_back(std::string_view text);  // to be read again

  void enter(std::coroutine_handle<> part) override { parts_.push_back(part); }
  void leave() override { parts_.pop_back(); }
  void fail(std::exception_ptr exception) override { exception_ = std::move(exception); }

 private:
  void run();

  std::string again_;       // text that was put back, unless it is empty
  size_t again_begin_ = 0;  // how much of it was taken again
  std::string_view text_;   // the part of this push that was not taken yet
  bool has_ended_ = false;
  bool is_waiting_ = false;
  std::vector<std::coroutine_handle<>> parts_;  // each waits for the next one; none: the parser has ended
  std::exception_ptr exception_;
};

}  // namespace braid::parsers
