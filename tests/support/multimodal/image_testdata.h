// The testdata of multimodal/, and a comparison for errors.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "braid/formats/json.h"

namespace braid {

constexpr const char* kImageTestdata = "src/braid/multimodal/testdata/";

inline std::vector<uint8_t> testdata_bytes(const std::string& name) {
  std::ifstream in(kImageTestdata + name, std::ios::binary);
  EXPECT_TRUE(in.good()) << name;
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(in), {});
}

inline ::testing::AssertionResult has_text(const std::string& text, std::string_view part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << text << "\" has no \"" << part << "\"";
}

inline Json image_cases() {
  const std::vector<uint8_t> text = testdata_bytes("cases.json");
  return *parse_json(std::string(text.begin(), text.end()));
}

}  // namespace braid
