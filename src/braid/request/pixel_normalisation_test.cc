#include "braid/request/pixel_normalisation.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace braid {
namespace {

TEST(PixelNormalisation, TableHasTheBitsOfTransformers) {
  const std::string folder = "src/braid/request/testdata/";
  std::ifstream json(folder + "normalisation.json");
  std::ifstream floats(folder + "normalisation.f32", std::ios::binary);
  const std::string expected(std::istreambuf_iterator<char>(floats), {});
  const auto cases = nlohmann::json::parse(json);
  ASSERT_EQ(cases.size(), 6U);
  ASSERT_EQ(expected.size(), cases.size() * sizeof(PixelValues));
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto& entry = cases[i];
    const PixelValues table = pixel_values({.rescales = entry.at("rescales"),
                                            .rescale_factor = entry.at("rescale_factor"),
                                            .normalises = entry.at("normalises"),
                                            .mean = entry.at("mean"),
                                            .stddev = entry.at("stddev")});
    EXPECT_EQ(std::memcmp(table.data(), expected.data() + i * sizeof(table), sizeof(table)), 0) << entry.dump();
  }
}

}  // namespace
}  // namespace braid
