// Whether a request's tools may, must or must not be called.
#pragma once

#include <cstdint>
#include <string>

namespace braid::parsers {

struct ToolChoice {
  enum class Mode : uint8_t {
    kNone,      // none is called
    kAuto,      // the model decides
    kRequired,  // at least one is called
    kNamed,     // `name` is called, once
  };
  Mode mode = Mode::kAuto;
  std::string name = {};

  bool is_forced() const { return mode == Mode::kRequired || mode == Mode::kNamed; }
  bool operator==(const ToolChoice&) const = default;
};

}  // namespace braid::parsers
