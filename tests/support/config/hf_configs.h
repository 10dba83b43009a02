// Makes a config.json from an architecture and some keys, for tests of Hugging Face configurations.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "braid/base/check.h"
#include "braid/config/hf_config.h"

namespace braid::testing {

inline Result<ModelConfig> read(std::string_view text) {
  const auto json = parse_json(text);
  CHECK(json.ok(), "{}", json.error().message);
  return read_hf_config(*json);
}

inline std::string with(std::string_view architecture, std::string_view rest) {
  return fmt::format(R"({{"architectures": ["{}"]{}{}}})", architecture, rest.empty() ? "" : ", ", rest);
}

inline std::string error_of(std::string_view architecture, std::string_view rest) {
  const auto config = read(with(architecture, rest));
  return config.ok() ? "" : config.error().message;
}

inline void expect_part(const std::string& text, std::string_view part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << " should say " << part;
}

}  // namespace braid::testing
