// A text that comes in pieces, for a parser that reads it byte by byte.
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

  // Runs the parser until it waits for more than this text.
  void push(std::string_view text);
  // No more comes: runs it to its end.
  void finish();

  // For the parser: waits for the next byte, which stays the next one until it is taken.
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
  // What can be had without waiting, or its beginning.
  std::string_view available() const { return again_.empty() ? text_ : std::string_view(again_).substr(again_begin_); }
  void take(size_t num_bytes);           // of the available ones
  void put_back(std::string_view text);  // it comes next, once more

  void enter(std::coroutine_handle<> part) override { parts_.push_back(part); }
  void leave() override { parts_.pop_back(); }
  void fail(std::exception_ptr exception) override { exception_ = std::move(exception); }

 private:
  void run();

  std::string again_;       // what was put back, unless it is empty
  size_t again_begin_ = 0;  // what of it was taken once more
  std::string_view text_;   // what of this push has not been taken
  bool has_ended_ = false;
  bool is_waiting_ = false;
  std::vector<std::coroutine_handle<>> parts_;  // each waits for the next one; none: the parser has ended
  std::exception_ptr exception_;
};

}  // namespace braid::parsers
