#include "braid/tokenizer/jinja/value.h"

#include <gtest/gtest.h>

#include <cmath>

#include "braid/tokenizer/jinja/runtime.h"

namespace braid::jinja {
namespace {

struct Values {
  Runtime runtime{TemplateLimits{}, nullptr};
  Value text(const char* text, bool is_markup = false) { return runtime.string(text, is_markup).value(); }
  Value list(std::vector<Value> items, SequenceKind kind = SequenceKind::kList) {
    return runtime.sequence(std::move(items), kind).value();
  }
  Value dict(std::vector<std::pair<Value, Value>> entries) { return runtime.dict(std::move(entries)).value(); }
};

TEST(Value, TypesHavePythonsNames) {
  Values make;
  EXPECT_EQ(Value().type_name(), "Undefined");
  EXPECT_EQ(Value(None{}).type_name(), "NoneType");
  EXPECT_EQ(Value(true).type_name(), "bool");
  EXPECT_EQ(Value(1).type_name(), "int");
  EXPECT_EQ(Value(1.0).type_name(), "float");
  EXPECT_EQ(make.text("a").type_name(), "str");
  EXPECT_EQ(make.text("a", true).type_name(), "Markup");
  EXPECT_EQ(make.list({}).type_name(), "list");
  EXPECT_EQ(make.list({}, SequenceKind::kTuple).type_name(), "tuple");
  EXPECT_EQ(make.runtime.range(0, 1, 1)->type_name(), "range");
  EXPECT_EQ(make.dict({}).type_name(), "dict");
  EXPECT_EQ(make.runtime.generator({}, {})->type_name(), "generator");
}

TEST(Value, BoolsAreIntegers) {
  EXPECT_TRUE(Value(true).is_integral());
  EXPECT_FALSE(Value(true).is_int());
  EXPECT_EQ(Value(true).as_int(), 1);
  EXPECT_FALSE(Value(1.0).is_integral());
  EXPECT_EQ(Value(3).as_double(), 3.0);
}

TEST(Value, UndefinedExplainsItself) {
  EXPECT_EQ(Value().undefined_message(), "value is undefined");
  EXPECT_EQ(Value::undefined("'x' is undefined").undefined_message(), "'x' is undefined");
}

TEST(Value, DepthCountsNestedContainers) {
  Values make;
  EXPECT_EQ(Value(1).depth(), 0);
  EXPECT_EQ(make.list({}).depth(), 1);
  EXPECT_EQ(make.list({Value(1), make.list({make.list({})})}).depth(), 3);
  EXPECT_EQ(make.dict({{Value(1), make.list({})}}).depth(), 2);
}

TEST(Value, KeysAreOrderedAndEqualAsPythonsAre) {
  Values make;
  const auto same = [](const Value& a, const Value& b) { return key_order(a, b) == 0 && key_order(b, a) == 0; };
  EXPECT_TRUE(same(Value(1), Value(1.0)));
  EXPECT_TRUE(same(Value(1), Value(true)));
  EXPECT_TRUE(same(Value(0.0), Value(-0.0)));
  EXPECT_FALSE(same(Value(1), make.text("1")));
  EXPECT_FALSE(same(Value(None{}), Value(0)));
  EXPECT_FALSE(same(Value((Int{1} << 62) + 1), Value(Int{1} << 62)));
  EXPECT_FALSE(same(Value((Int{1} << 62) + 1), Value(std::ldexp(1.0, 62))));  // not equal, though the doubles are
  EXPECT_LT(key_order(make.text("a"), make.text("b")), 0);
  const auto pair = [&](int a, int b) { return make.list({Value(a), Value(b)}, SequenceKind::kTuple); };
  EXPECT_TRUE(same(pair(1, 2), pair(1, 2)));
  EXPECT_LT(key_order(pair(1, 2), pair(1, 3)), 0);
  EXPECT_GT(key_order(pair(1, 3), pair(1, 2)), 0);
}

TEST(Value, OnlyWhatCannotChangeIsHashable) {
  Values make;
  for (const Value& value :
       {Value(1), Value(1.5), Value(None{}), make.text("a"), make.list({}, SequenceKind::kTuple)}) {
    EXPECT_TRUE(is_hashable(value)) << value.type_name();
  }
  EXPECT_FALSE(is_hashable(make.list({})));
  EXPECT_FALSE(is_hashable(make.dict({})));
  EXPECT_FALSE(is_hashable(make.list({make.list({})}, SequenceKind::kTuple)));
}

TEST(Value, IdentityIsPythonsIs) {
  Values make;
  const Value list = make.list({});
  EXPECT_TRUE(list.is_same(list));
  EXPECT_FALSE(list.is_same(make.list({})));
  EXPECT_TRUE(Value(None{}).is_same(Value(None{})));
  EXPECT_FALSE(Value(true).is_same(Value(1)));
}

TEST(Dict, FindsKeysInSmallAndLargeDicts) {
  Values make;
  for (const int size : {3, static_cast<int>(Dict::kFew), 100}) {
    std::vector<std::pair<Value, Value>> entries;
    for (int i = size - 1; i >= 0; --i) entries.emplace_back(Value(i), Value(i * i));
    entries.emplace_back(make.text("name"), Value(-1));
    const Value dict = make.dict(std::move(entries));
    for (int i = 0; i < size; ++i) {
      ASSERT_NE(dict.as_dict().find(Value(i)), nullptr) << size << ": " << i;
      EXPECT_EQ(dict.as_dict().find(Value(static_cast<double>(i)))->as_int(), Int{i} * i);
    }
    EXPECT_EQ(dict.as_dict().find(Value(size)), nullptr);
    EXPECT_EQ(dict.as_dict().find(std::string_view("name"))->as_int(), -1);
    EXPECT_EQ(dict.as_dict().find(std::string_view("other")), nullptr);
  }
}

}  // namespace
}  // namespace braid::jinja
