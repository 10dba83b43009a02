// Errors as values, for what a user, a file or a peer can cause. (For what only braid can cause, see check.h.)
#pragma once

#include <fmt/core.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "braid/base/check.h"

namespace braid {

// The reader of the message can act on it: it names the thing, its value, and what is allowed.
struct Error {
  std::string message;
};

// return fail("--dp-size {} does not divide --tp-size {}", dp, tp);
template <typename... Args>
Error fail(fmt::format_string<Args...> format, Args&&... args) {
  return Error{fmt::format(format, std::forward<Args>(args)...)};
}

// A value or an error. E is any struct with a `message`; most use Error. (std::expected is C++23.)
template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    CHECK(ok(), "value() of an error: {}", error().message);
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(ok(), "value() of an error: {}", error().message);
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(ok(), "value() of an error: {}", error().message);
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const E& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, E> state_;
};

template <typename E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  Result(E error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const E& error() const { return *error_; }

 private:
  std::optional<E> error_;
};

using Status = Result<void>;

}  // namespace braid

// TRY(auto config, read_config(path));  returns the error from the function, or declares the value.
#define TRY(declaration, ...) BRAID_TRY_AT(declaration, BRAID_CONCAT(try_result_, __LINE__), __VA_ARGS__)
#define BRAID_TRY_AT(declaration, result, ...) \
  auto result = (__VA_ARGS__);                 \
  if (!result.ok()) return result.error();     \
  declaration = std::move(result).value()

// TRY_STATUS(check_shape(tensor));  the same for a result without a value.
#define TRY_STATUS(...) \
  if (auto try_status = (__VA_ARGS__); !try_status.ok()) return try_status.error()

#define BRAID_CONCAT(a, b) BRAID_CONCAT_INNER(a, b)
#define BRAID_CONCAT_INNER(a, b) a##b
