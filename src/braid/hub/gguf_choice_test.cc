#include "braid/hub/gguf_choice.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

using Paths = std::vector<std::string>;

const Paths kPaths = {"README.md",
                      "model-Q4_K_M.gguf",
                      "model-Q4_K_S.gguf",
                      "model.Q8_0.gguf",
                      "model-IQ4_XS.gguf",
                      "mmproj-model-F16.gguf",
                      "model.imatrix.gguf",
                      "F16/model-F16-00002-of-00003.gguf",
                      "F16/model-F16-00001-of-00003.gguf",
                      "F16/model-F16-00003-of-00003.gguf"};

TEST(GgufChoice, AVariantIsTheLastWordOfAName) {
  EXPECT_EQ(*choose_gguf(kPaths, "Q4_K_M"), Paths{"model-Q4_K_M.gguf"});
  EXPECT_EQ(*choose_gguf(kPaths, "q4_k_m"), Paths{"model-Q4_K_M.gguf"});
  EXPECT_EQ(*choose_gguf(kPaths, "Q8_0"), Paths{"model.Q8_0.gguf"});
  EXPECT_EQ(*choose_gguf(kPaths, "model-IQ4_XS.gguf"), Paths{"model-IQ4_XS.gguf"});
  EXPECT_EQ(*choose_gguf(kPaths, "F16"),
            (Paths{"F16/model-F16-00001-of-00003.gguf", "F16/model-F16-00002-of-00003.gguf",
                   "F16/model-F16-00003-of-00003.gguf"}));
}

TEST(GgufChoice, ErrorsListTheVariants) {
  EXPECT_EQ(choose_gguf(kPaths, "Q2_K").error().message,
            "there is no GGUF file for \"Q2_K\", only for F16, IQ4_XS, Q4_K_M, Q4_K_S, Q8_0");
  EXPECT_FALSE(choose_gguf(kPaths, "_M").ok());
  EXPECT_FALSE(choose_gguf(kPaths, "K_M").ok());
  EXPECT_EQ(choose_gguf(Paths{"a.txt"}, "Q2_K").error().message, "there is no GGUF file for \"Q2_K\", nor any other");
  EXPECT_EQ(choose_gguf(Paths{"a-Q8_0.gguf", "b-Q8_0.gguf"}, "Q8_0").error().message,
            "\"Q8_0\" may be a-Q8_0.gguf or b-Q8_0.gguf: give one file's name");
  EXPECT_EQ(*choose_gguf(Paths{"a-Q8_0.gguf", "b-Q8_0.gguf"}, "b-Q8_0.gguf"), Paths{"b-Q8_0.gguf"});
}

TEST(GgufChoice, ANameTellsTheNumberOfParts) {
  EXPECT_EQ(gguf_num_parts("model-00001-of-00003.gguf"), 3);
  EXPECT_EQ(gguf_num_parts("model.gguf"), 1);
  EXPECT_EQ(gguf_num_parts("model-00001-of-0003.gguf"), 1);
  EXPECT_EQ(gguf_num_parts("model-00001-of-00000.gguf"), 1);
}

}  // namespace
}  // namespace braid
