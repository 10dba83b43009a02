#include "braid/parallel/group_row_exchange.h"

#include <gtest/gtest.h>

#include <vector>

#include "braid/parallel/message_world.h"
#include "braid/parallel/token_exchange.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid {
namespace {

using testing::on_each_rank;

constexpr int64_t kRows = 14;
constexpr int64_t kCols = 3;

// Values whose sum depends on the order.
float part_value(int64_t part, int64_t row, int64_t col) {
  return (part % 2 == 0 ? 1e7F : -1e7F) + static_cast<float>(part) * 0.3F + static_cast<float>(row * kCols + col);
}

float sum_in_order(int64_t num_parts, int64_t row, int64_t col) {
  float sum = part_value(0, row, col);
  for (int64_t part = 1; part < num_parts; ++part) sum += part_value(part, row, col);
  return sum;
}

TEST(GroupRowExchange, SumsAreInTheOrderOfPartsWhoeverHasThem) {
  for (const auto& [num_members, num_own] : {std::pair<int32_t, int64_t>{4, 1}, {2, 2}, {3, 1}, {2, 3}}) {
    MessageWorld world({.tp_size = num_members});
    on_each_rank(num_members, [&, num_own = num_own](int32_t member) {
      GroupRowExchange exchange(world.group(member));
      std::vector<std::vector<float>> values(static_cast<size_t>(num_own), std::vector<float>(kRows * kCols));
      std::vector<Rows> parts;
      for (int64_t i = 0; i < num_own; ++i) {
        parts.push_back(make_rows(values[static_cast<size_t>(i)].data(), kRows, kCols));
        for (int64_t at = 0; at < kRows * kCols; ++at) {
          values[static_cast<size_t>(i)][static_cast<size_t>(at)] =
              part_value(member * num_own + i, at / kCols, at % kCols);
        }
      }
      const IndexRange own = exchange.own_rows(kRows, 2);
      EXPECT_EQ(own.begin % 2, 0);
      const Rows sums = parts[0].slice_rows(own.begin, own.end - own.begin);
      exchange.scatter(parts, sums, 2);
      exchange.gather(parts[0], 2);
      for (int64_t row = 0; row < kRows; ++row) {
        for (int64_t col = 0; col < kCols; ++col) {
          EXPECT_EQ(parts[0].row<float>(row)[col], sum_in_order(num_members * num_own, row, col)) << row << " " << col;
        }
      }
    });
  }
}

TEST(GroupRowExchange, AMemberWithoutRowsTakesPart) {
  MessageWorld world({.tp_size = 3});
  on_each_rank(3, [&](int32_t member) {
    GroupRowExchange exchange(world.group(member));
    std::vector<float> values(kCols, static_cast<float>(member + 1));
    const Rows part = make_rows(values.data(), 1, kCols);
    const IndexRange own = exchange.own_rows(1, 1);
    exchange.scatter({&part, 1}, part.slice_rows(own.begin, own.end - own.begin), 1);
    exchange.gather(part, 1);
    EXPECT_EQ(values, std::vector<float>(kCols, 6.0F));
  });
}

TEST(GroupRowExchange, TheWorldsEndIsAnException) {
  MessageWorld world({.tp_size = 2});
  world.abort("a test");
  GroupRowExchange exchange(world.group(0));
  std::vector<float> values(kCols);
  EXPECT_THROW(exchange.gather(make_rows(values.data(), 1, kCols), 1), WorldEnded);
}

}  // namespace
}  // namespace braid
