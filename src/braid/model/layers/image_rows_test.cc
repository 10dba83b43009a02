// An image's features reach the rows of the residual stream that are a rank's own, and no others.
#include "braid/model/layers/image_rows.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/kernels/make_ops.h"

namespace braid {
namespace {

constexpr int64_t kHidden = 3;

struct ImageRowsTest : public ::testing::Test {
  ImageRowsTest()
      : embeddings_(6 * kHidden),
        deepstack_(6 * kHidden),
        ops_(make_ref_ops()),
        backend_(make_attention_backend("native", *ops_).value()) {
    std::iota(embeddings_.begin(), embeddings_.end(), 100.0F);
    std::iota(deepstack_.begin(), deepstack_.end(), 1000.0F);
    features_ = {.embeddings = make_rows(std::as_const(embeddings_).data(), 6, kHidden),
                 .deepstack = {make_rows(std::as_const(deepstack_).data(), 6, kHidden)}};
    // Rows 2, 3 and 4 of the part are tokens 1, 2 and 3 of an image; row 7 is token 0 of the same image once more.
    images_ = {{.first_row = 2, .num_rows = 3, .first_feature = 1, .features = &features_},
               {.first_row = 7, .num_rows = 1, .first_feature = 0, .features = &features_}};
  }

  // Runs `work` on the rows [begin, end) of nine, which are zero before; returns the first column of all nine.
  template <typename Work>
  std::vector<float> first_columns(int64_t begin, int64_t end, const Work& work) {
    std::vector<float> values(9 * kHidden);
    Step step{.ops = *ops_, .exchange = exchange_, .attention_backend = *backend_, .workspace = *workspace_};
    step.images = images_;
    work(step, IndexRange{.begin = begin, .end = end},
         make_rows(values.data(), 9, kHidden).slice_rows(begin, end - begin));
    std::vector<float> columns;
    for (size_t row = 0; row < 9; ++row) {
      columns.push_back(values[row * kHidden]);
      for (size_t col = 1; col < kHidden && columns.back() != 0; ++col) {
        EXPECT_EQ(values[row * kHidden + col], columns.back() + static_cast<float>(col));
      }
    }
    return columns;
  }

  std::vector<float> embeddings_;
  std::vector<float> deepstack_;
  ImageFeatureRows features_;
  std::vector<ImageRows> images_;
  std::unique_ptr<Ops> ops_;
  std::unique_ptr<AttentionBackend> backend_;
  SingleRankExchange exchange_;
  std::unique_ptr<Workspace> workspace_ = std::make_unique<Workspace>(ModelConfig{.hidden = 8,
                                                                                  .num_layers = 1,
                                                                                  .num_heads = 1,
                                                                                  .num_kv_heads = 1,
                                                                                  .head_dim = 8,
                                                                                  .ffn = 8,
                                                                                  .is_moe_layer = {false}},
                                                                      LocalShape{}, DType::kFloat32, StepLimits{});
};

TEST_F(ImageRowsTest, EmbeddingsAreWrittenToTheOwnRowsOfTheirPlaceholders) {
  EXPECT_EQ(first_columns(0, 9, put_image_embeddings), (std::vector<float>{0, 0, 103, 106, 109, 0, 0, 100, 0}));
  EXPECT_EQ(first_columns(3, 7, put_image_embeddings), (std::vector<float>{0, 0, 0, 106, 109, 0, 0, 0, 0}));
  EXPECT_EQ(first_columns(4, 9, put_image_embeddings), (std::vector<float>{0, 0, 0, 0, 109, 0, 0, 100, 0}));
  EXPECT_EQ(first_columns(5, 7, put_image_embeddings), std::vector<float>(9));
}

TEST_F(ImageRowsTest, DeepstackRowsAreAddedAfterTheirOwnLayer) {
  const auto after = [](size_t layer) {
    return [layer](const Step& step, const IndexRange& own, const Rows& rows) {
      rows.row<float>(0)[0] += 5;
      rows.row<float>(0)[1] += 5;
      rows.row<float>(0)[2] += 5;
      add_deepstack(step, layer, own, rows);
    };
  };
  EXPECT_EQ(first_columns(2, 9, after(0)), (std::vector<float>{0, 0, 1008, 1006, 1009, 0, 0, 1000, 0}));
  const auto only_those_before = [](const Step& step, const IndexRange& own, const Rows& rows) {
    add_deepstack(step, 1, own, rows);
  };
  EXPECT_EQ(first_columns(0, 9, only_those_before), std::vector<float>(9)) << "nothing joins after layer 1";
}

}  // namespace
}  // namespace braid
