// Parsers are coroutines, written as if they could wait for the next byte. So a parser depends on the bytes alone, not
// on how the text was cut into deltas. ByteStream (byte_stream.h) runs them. Tested by random_outputs_test.cc and
// json_calls_test.cc.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace braid::parsers {

// Keeps the chain of parts that wait for one another. One loop resumes them, so the stack's depth does not depend on
// the text.
class PartRunner {
 public:
  virtual void enter(std::coroutine_handle<> part) = 0;
  virtual void leave() = 0;  // the part entered last has ended
  virtual void fail(std::exception_ptr exception) = 0;

 protected:
  ~PartRunner() = default;
};

struct PartPromiseBase {
  PartRunner* runner = nullptr;  // set when the part is entered

  struct Leave {
    PartRunner* runner;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept { runner->leave(); }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Leave final_suspend() const noexcept { return {runner}; }
  void unhandled_exception() const { runner->fail(std::current_exception()); }
};

template <typename T>
struct PartPromiseValue : PartPromiseBase {
  std::optional<T> value;
  void return_value(T result) { value = std::move(result); }
  T take() { return *std::move(value); }
};
template <>
struct PartPromiseValue<void> : PartPromiseBase {
  void return_void() const {}
  void take() const {}
};

// A part of a parser. Another part runs it with co_await, which returns its result.
template <typename T = void>
class [[nodiscard]] Part {
 public:
  struct promise_type : PartPromiseValue<T> {
    Part get_return_object() { return Part(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };

  Part(Part&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Part& operator=(Part&&) = delete;
  ~Part() {
    if (handle_) handle_.destroy();
  }

  void start(PartRunner& runner) {
    handle_.promise().runner = &runner;
    runner.enter(handle_);
  }

  bool await_ready() const noexcept { return false; }
  template <typename Parent>
  void await_suspend(std::coroutine_handle<Parent> parent) {
    start(*parent.promise().runner);
  }
  T await_resume() { return handle_.promise().take(); }

 private:
  explicit Part(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace braid::parsers
