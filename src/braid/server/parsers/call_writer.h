// Numbers a choice's tool calls and makes their ids, as they are found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "braid/server/parsers/event.h"

namespace braid::parsers {

enum class CallIdStyle : uint8_t {
  kOpenAi,            // "call_" and 24 letters and digits
  kNineAlphanumeric,  // 9 letters and digits: Mistral's templates allow nothing else
};

// Looks random; equal for equal seeds and numbers.
std::string make_call_id(CallIdStyle style, uint64_t seed, int32_t call);

class CallWriter {
 public:
  struct Options {
    CallIdStyle id_style = CallIdStyle::kOpenAi;
    uint64_t id_seed = 0;
    bool only_first = false;  // later calls are dropped
  };
  explicit CallWriter(Options options) : options_(options) {}

  void begin(std::string name, Events& out);
  // To the call that was begun last.
  void add_arguments(std::string_view text, Events& out);
  bool has_arguments() const { return has_arguments_; }  // whether the last call has any

 private:
  Options options_;
  int32_t num_calls_ = 0;
  bool has_arguments_ = false;
};

}  // namespace braid::parsers
