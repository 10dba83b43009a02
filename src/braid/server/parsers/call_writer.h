// Numbers and names a choice's tool calls as they are found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "braid/server/parsers/event.h"

namespace braid::parsers {

enum class CallIdStyle : uint8_t {
  kOpenAi,            // "call_" and 24 letters and digits
  kNineAlphanumeric,  // 9 letters and digits: Mistral's templates refuse any other
};

// Looks random; the same for the same seed and number.
std::string make_call_id(CallIdStyle style, uint64_t seed, int32_t call);

class CallWriter {
 public:
  struct Options {
    CallIdStyle id_style = CallIdStyle::kOpenAi;
    uint64_t id_seed = 0;
    bool only_first = false;  // later calls leave no trace
  };
  explicit CallWriter(Options options) : options_(options) {}

  void begin(std::string name, Events& out);
  // Of the call that was begun last.
  void add_arguments(std::string_view text, Events& out);
  bool has_arguments() const { return has_arguments_; }  // that call has

 private:
  Options options_;
  int32_t num_calls_ = 0;
  bool has_arguments_ = false;
};

}  // namespace braid::parsers
