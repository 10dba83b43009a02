// The limits of a rendering, and the values that it makes. (Limits that templates run into: chat_template_test.cc.)
#include "braid/tokenizer/jinja/runtime.h"

#include <gtest/gtest.h>

namespace braid::jinja {
namespace {

TemplateLimits with(int64_t steps, int64_t output_bytes, int64_t memory_bytes) {
  return {.max_steps = steps, .max_output_bytes = output_bytes, .max_memory_bytes = memory_bytes};
}

template <typename T>
std::string message(const Result<T>& result) {
  return result.ok() ? "" : result.error().message;
}

TEST(Runtime, StepsAreCountedAndEnd) {
  Runtime runtime(with(10, 1 << 20, 1 << 20), nullptr);
  EXPECT_TRUE(runtime.charge(10).ok());
  EXPECT_EQ(message(runtime.charge(1)), "the template takes more than 10 steps");
}

TEST(Runtime, MakingAValuePaysForItsSize) {
  Runtime runtime(with(10, 1 << 20, 1 << 20), nullptr);
  EXPECT_TRUE(runtime.string(std::string(5 * 64, 'x')).ok());
  EXPECT_TRUE(runtime.sequence({Value(1), Value(2), Value(3), Value(4), Value(5)}).ok());
  EXPECT_FALSE(runtime.sequence({Value(1)}).ok());
}

TEST(Runtime, NoTextIsLongerThanTheOutputMayBe) {
  Runtime runtime(with(1 << 20, 100, 1 << 20), nullptr);
  EXPECT_TRUE(runtime.string(std::string(100, 'x')).ok());
  EXPECT_EQ(message(runtime.string(std::string(101, 'x'))), "the template makes a text of more than 100 bytes");
  EXPECT_TRUE(runtime.check_size(100).ok());
  EXPECT_FALSE(runtime.check_size(Int{1} << 100).ok());
}

TEST(Runtime, OnlyLiveValuesCountAsMemory) {
  Runtime runtime(with(1 << 30, 1 << 20, 10'000), nullptr);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(runtime.string(std::string(5'000, 'x')).ok());
  const Value kept = runtime.string(std::string(5'000, 'x')).value();
  EXPECT_EQ(message(runtime.string(std::string(5'000, 'x'))), "the template's values take more than 10000 bytes");
  EXPECT_TRUE(runtime.hold(4'000).ok());
  EXPECT_FALSE(runtime.hold(4'000).ok());
}

TEST(Runtime, ReleasesRunAtTheEnd) {
  int released = 0;
  {
    Runtime runtime(TemplateLimits{}, nullptr);
    runtime.at_end([&] { ++released; });
    runtime.at_end([&] { ++released; });
    EXPECT_EQ(released, 0);
  }
  EXPECT_EQ(released, 2);
}

TEST(Runtime, ValuesNestUpTo500Deep) {
  Runtime runtime(TemplateLimits{}, nullptr);
  Value list = runtime.sequence({}).value();
  for (int depth = 1; depth < 500; ++depth) list = runtime.sequence({list}).value();
  EXPECT_EQ(list.depth(), 500);
  EXPECT_EQ(message(runtime.sequence({list})), "a value is nested deeper than 500");
  EXPECT_EQ(message(runtime.dict({{Value(1), list}})), "a value is nested deeper than 500");
}

TEST(Runtime, RangesAreThoseOfPythonUpToTheSandboxsSize) {
  Runtime runtime(TemplateLimits{}, nullptr);
  const auto size = [&](Int start, Int stop, Int step) {
    return runtime.range(start, stop, step)->as_sequence().items.size();
  };
  EXPECT_EQ(size(0, 7, 3), 3U);
  EXPECT_EQ(size(7, 0, -3), 3U);
  EXPECT_EQ(size(3, 3, 1), 0U);
  EXPECT_EQ(size(3, 1, 1), 0U);
  EXPECT_EQ(runtime.range(7, 0, -3)->as_sequence().items.back().as_int(), 1);
  EXPECT_EQ(size(0, 100'000, 1), 100'000U);
  EXPECT_EQ(message(runtime.range(0, 100'001, 1)), "range too big: the sandbox allows 100000 numbers");
  EXPECT_EQ(message(runtime.range(0, 1, 0)), "range() arg 3 must not be zero");
}

TEST(Runtime, OfEqualKeysTheFirstPlaceAndTheLastValueRemain) {
  Runtime runtime(TemplateLimits{}, nullptr);
  const Value dict = runtime.dict({{Value(1), Value(10)}, {Value(2), Value(20)}, {Value(true), Value(30)}}).value();
  const auto& entries = dict.as_dict().entries;
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_TRUE(entries[0].first.is_int());
  EXPECT_EQ(entries[0].second.as_int(), 30);
  EXPECT_EQ(entries[1].second.as_int(), 20);
  EXPECT_EQ(message(runtime.dict({{runtime.sequence({}).value(), Value(1)}})), "unhashable type: 'list'");
}

TEST(Runtime, FromJsonKeepsTypesAndOrder) {
  Runtime runtime(TemplateLimits{}, nullptr);
  const auto json =
      nlohmann::ordered_json::parse(R"({"b": [1, -1, 18446744073709551615, 1.0, true, null, "é"], "a": {}})");
  const Value value = from_json(runtime, json).value();
  ASSERT_EQ(value.as_dict().entries.size(), 2U);
  EXPECT_EQ(value.as_dict().entries[0].first.text(), "b");
  const auto& items = value.as_dict().find(std::string_view("b"))->as_sequence().items;
  std::string types;
  for (const Value& item : items) types += item.type_name() + " ";
  EXPECT_EQ(types, "int int int float bool NoneType str ");
  EXPECT_EQ(items[2].as_int(), static_cast<Int>(UINT64_MAX));
  EXPECT_EQ(items[6].as_string().num_chars, 1);
}

TEST(Runtime, FromJsonRejectsDepthAndBrokenText) {
  Runtime runtime(TemplateLimits{}, nullptr);
  nlohmann::ordered_json deep = nlohmann::ordered_json::array();
  for (int i = 0; i < 500; ++i) deep = nlohmann::ordered_json::array({std::move(deep)});
  EXPECT_EQ(message(from_json(runtime, deep)), "the variables are nested deeper than 500");
  EXPECT_EQ(message(from_json(runtime, "\xff")), "a variable holds text that is not UTF-8");
  EXPECT_EQ(message(from_json(runtime, {{"\xff", 1}})), "a variable has a key that is not UTF-8");
}

}  // namespace
}  // namespace braid::jinja
