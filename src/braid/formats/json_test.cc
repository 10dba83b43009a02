#include "braid/formats/json.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

std::string error_of(std::string_view text, const JsonLimits& limits = {}) {
  const auto parsed = parse_json(text, limits);
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(Json, KeepsTheOrderOfKeysAndTheLastValueOfTwins) {
  const auto parsed = parse_json(R"({"b": 1, "a": [true, null, "é\u00e9"], "b": {"c": -2.5}})");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->dump(), "{\"b\":{\"c\":-2.5},\"a\":[true,null,\"éé\"]}");
  EXPECT_EQ(*parsed, Json::parse(R"({"b": 1, "a": [true, null, "é\u00e9"], "b": {"c": -2.5}})"));
}

TEST(Json, ManyKeysTakeLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{}\"key {}\":{}", i == 0 ? "" : ",", i, i);
  text += ",\"key 7\":\"again\"}";
  const auto parsed = parse_json(text);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->size(), 200'000U);
  EXPECT_EQ(std::next(parsed->begin(), 7).value(), "again");
}

TEST(Json, InvalidTextIsAnErrorWithItsPlace) {
  EXPECT_NE(error_of("{\n  \"a\": ,\n}").find("line 2"), std::string::npos);
  for (const char* text : {"", "{", "[1,]", "NaN", "[Infinity]", "1e999", "{} {}", "\"\xff\"", "\"\n\"", "{1: 2}",
                           "// x\n1", "\"\\ud800\"", "01", "'a'", "[1 2]", "nul"}) {
    EXPECT_NE(error_of(text), "") << text;
  }
}

// Long strings go another way than short ones; both must mean the same, wherever they are.
TEST(Json, LongStringsAreReadAsNlohmannReadsThem) {
  const std::string plain(10'000, 'x');
  for (const std::string& odd :
       {std::string(), std::string("\\\\"), std::string("\\\""), std::string("\\n"), std::string("\\u00e9"),
        std::string("é"), std::string("\x7f"), std::string("[{,:}]")}) {
    for (const std::string& content : {plain + odd, odd + plain, plain + odd + plain + odd}) {
      const std::string text =
          fmt::format(R"({{"{0}k": "{0}", "b\"": ["", "{0}", {{"{0}k": 1, "": "{0}"}}, "c"], "d\\": "{0}"}})", content);
      const auto parsed = parse_json(text);
      ASSERT_TRUE(parsed.ok()) << parsed.error().message.substr(0, 200);
      EXPECT_EQ(*parsed, Json::parse(text));
    }
  }
  const auto alone = parse_json('"' + plain + '"');
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ(alone->get<std::string>(), plain);
}

TEST(Json, ErrorsBesideLongStringsHaveThePlacesOfTheWholeText) {
  const std::string plain(10'000, 'x');
  for (const std::string& text :
       {"{\"a\": \"" + plain + "\", }", "{\"a\": \"" + plain, "[\"" + plain + "\" \"" + plain + "\"]",
        "[\"" + plain + "\n\"]", "[\"" + plain + "\xff\"]", "\"" + plain + "\\", "[\"" + plain + "\"]]",
        plain + "\"" + plain + "\""}) {
    std::string what;
    try {
      ADD_FAILURE() << Json::parse(text).size() << " values in: " << text;
    } catch (const Json::exception& error) {
      what = error.what();
    }
    const std::string place = what.substr(what.find("at line"), what.find(':') - what.find("at line"));
    EXPECT_NE(error_of(text).find(place), std::string::npos) << error_of(text) << "\n" << what.substr(0, 200);
  }
  EXPECT_NE(error_of(R"({"k": ")" + plain + R"(", "k": 1})", {.unique_keys = true}).find("twice"), std::string::npos);
  EXPECT_NE(error_of("[\"" + plain + "\", 1, 2]", {.max_values = 3}).find("more than 3"), std::string::npos);
}

TEST(Json, ANulEndsNoText) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {"{}\0"sv, "{}\0{"sv, "[1,\0 2]"sv, "\0"sv, "\"a\0b\""sv}) {
    EXPECT_NE(error_of(text).find("is a NUL"), std::string::npos) << text;
  }
  EXPECT_EQ(error_of(R"("\u0000")"), "");
}

TEST(Json, LimitsHold) {
  EXPECT_NE(error_of("[[[]]]", {.max_depth = 2}).find("nested more than 2"), std::string::npos);
  EXPECT_EQ(error_of("[[]]", {.max_depth = 2}), "");
  EXPECT_NE(error_of("[1,2,3]", {.max_values = 3}).find("more than 3"), std::string::npos);
  EXPECT_NE(error_of("[1,2,3]", {.max_bytes = 6}).find("7 bytes"), std::string::npos);
  EXPECT_NE(error_of(std::string(200'000, '[')), "");
}

TEST(JsonObject, ReturnsTypedValuesAndNamesWhatIsWrong) {
  const auto parsed = parse_json(
      R"({"i": 7, "u": 18446744073709551615, "d": 0.5, "s": "x", "b": true, "n": null, "o": {"p": []}, "l": [1,2]})");
  ASSERT_TRUE(parsed.ok());
  const auto object = JsonObject::of(*parsed, "config.json");
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(*object->get_int("i"), 7);
  EXPECT_EQ(*object->get_double("i"), 7.0);
  EXPECT_EQ(*object->get_double("d"), 0.5);
  EXPECT_EQ(*object->get_string("s"), "x");
  EXPECT_EQ(*object->get_bool("b"), true);
  EXPECT_EQ(**object->find_ints("l"), (std::vector<int64_t>{1, 2}));
  EXPECT_FALSE(object->find_int("n")->has_value());
  EXPECT_FALSE(object->find_int("absent")->has_value());
  EXPECT_TRUE(object->is_null("n"));
  EXPECT_EQ(object->get_int("absent").error().message, "config.json: \"absent\" is missing");
  EXPECT_EQ(object->get_int("s").error().message, "config.json: \"s\" is \"x\", must be an integer");
  EXPECT_EQ(object->get_int("i", 0, 3).error().message, "config.json: \"i\" is 7, must be between 0 and 3");
  EXPECT_FALSE(object->get_int("u").ok());
  EXPECT_FALSE(object->get_int("d").ok());
  EXPECT_EQ(object->get_object("o")->get_int("p").error().message, "config.json: o: \"p\" is [], must be an integer");
  EXPECT_FALSE(JsonObject::of(Json::array(), "x").ok());
}

}  // namespace
}  // namespace braid
