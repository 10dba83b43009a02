// Invariants that only braid itself can break. A broken one ends the process and names its place. Tested by
// kv/kv_index_test.cc.
#pragma once

#include <fmt/core.h>

#include <string>

namespace braid {

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& message);

template <typename... Args>
std::string check_message(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}
inline std::string check_message() {
  return {};
}

}  // namespace braid

// CHECK(condition) or CHECK(condition, "rows {} of {}", row, num_rows): in every build.
#define CHECK(condition, ...)                                                                     \
  do {                                                                                            \
    if (!(condition)) [[unlikely]]                                                                \
      ::braid::check_failed(__FILE__, __LINE__, #condition, ::braid::check_message(__VA_ARGS__)); \
  } while (false)

// The same in debug builds alone, for checks that cost more than the work they guard.
#ifdef NDEBUG
#define DCHECK(condition, ...) \
  do {                         \
  } while (false)
#else
#define DCHECK(condition, ...) CHECK(condition __VA_OPT__(, ) __VA_ARGS__)
#endif
