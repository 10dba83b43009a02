// References: "$id" and "id" as bases, anchors, and URIs relative to them.
#include <gtest/gtest.h>

#include "braid/grammar/json/reference_uri.h"
#include "tests/support/grammar/byte_tokenizer.h"
#include "tests/support/grammar/schema_test.h"

namespace braid::grammar {
namespace {

class SchemaReferences : public testing::SchemaTest {};

TEST(ReferenceUri, FollowsTheStandard) {
  const std::string base = "http://a/b/c/d;p?q";  // RFC 3986, section 5.4
  EXPECT_EQ(resolved_uri(base, "g"), "http://a/b/c/g");
  EXPECT_EQ(resolved_uri(base, "./g/"), "http://a/b/c/g/");
  EXPECT_EQ(resolved_uri(base, "/g"), "http://a/g");
  EXPECT_EQ(resolved_uri(base, "//g"), "http://g");
  EXPECT_EQ(resolved_uri(base, "?y"), "http://a/b/c/d;p?y");
  EXPECT_EQ(resolved_uri(base, "g?y#s"), "http://a/b/c/g?y");
  EXPECT_EQ(resolved_uri(base, "#s"), base);
  EXPECT_EQ(resolved_uri(base, ".."), "http://a/b/");
  EXPECT_EQ(resolved_uri(base, "../../g"), "http://a/g");
  EXPECT_EQ(resolved_uri(base, "../../../g"), "http://a/g");
  EXPECT_EQ(resolved_uri(base, "urn:x:y"), "urn:x:y");
  EXPECT_EQ(resolved_uri("", "item.json"), "item.json");
  EXPECT_EQ(resolved_uri("root.json", "item.json"), "item.json");
}

TEST_F(SchemaReferences, AnIdIsTheBaseOfReferencesWithinIt) {
  expect(R"({"$id":"https://example.com/root.json","$ref":"item.json#/$defs/n",
             "$defs":{"item":{"$id":"item.json","$defs":{"n":{"$ref":"#/$defs/m"},"m":{"type":"null"}}},
                      "m":{"type":"integer"}}})",
         {"null"}, {"1"});
  expect(R"({"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x/y","type":"object",
             "properties":{"a":{"$ref":"z#/definitions/t"}},"definitions":{"z":{"id":"z","definitions":{"t":{"type":"null"}}}}})",
         {R"({"a":null})"}, {R"({"a":1})"});
  // "id" is no keyword any more.
  expect(R"({"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array",
             "items":{"id":"here","$ref":"#/$defs/n"},"$defs":{"n":{"type":"null"}}})",
         {"[null]"}, {"[1]"});
  // The root's parts, meant from inside a part with an id.
  expect(
      R"({"id":"root","type":"array","items":{"id":"/items","$ref":"#/definitions/n"},"definitions":{"n":{"type":"null"}}})",
      {"[null]"}, {"[1]"});
  expect_refusal(R"({"$id":"https://example.com/a","$ref":"b"})", "remote");
  // Up to draft 7 an "$id" beside "$ref" is ignored.
  const std::string beside = R"("$id":"http://x/a/","definitions":{"one":{"$id":"http://x/n","type":"string"},
      "two":{"$id":"b/n","type":"integer"}},"allOf":[{"$id":"http://x/a/b/","$ref":"%"}]})";
  const auto with = [&](const std::string& draft, const std::string& reference) {
    std::string schema = "{" + draft + beside;
    return schema.replace(schema.find('%'), 1, reference);
  };
  expect(with(R"("$schema":"http://json-schema.org/draft-07/schema#",)", "../n"), {R"("a")"}, {"1"});
  expect(with(R"("$schema":"https://json-schema.org/draft/2020-12/schema",)", "n"), {"1"}, {R"("a")"});
  expect(with("", "http://x/n"), {R"("a")"}, {"1"});
  expect_refusal(with("", "n"), "$schema");
}

TEST_F(SchemaReferences, PartsThatSayTheSameAreCompiledOnce) {
  const auto num_states = [](const std::vector<std::string>& parts, const std::string& beside = "") {
    std::string names;
    for (int i = 0; i < 400; ++i) names += fmt::format(R"({}"name {}")", i == 0 ? "" : ",", i * 7919);
    std::string defs = R"("big":{"enum":[)" + names + R"(]},"other":{"title":"t","enum":[)" + names + "]}";
    std::string items;
    for (const std::string& part : parts) items += (items.empty() ? "" : ",") + part;
    const testing::ByteTokenizer tokenizer;
    const auto grammar = GrammarCompiler(tokenizer).json_schema(*parse_json(
        R"({"type":"array","minItems":6,"$defs":{)" + defs + "}," + beside + R"("prefixItems":[)" + items + "]}"));
    EXPECT_TRUE(grammar.ok());
    return grammar.ok() ? static_cast<double>((*grammar)->num_states()) : 0;
  };
  const std::string big = R"({"$ref":"#/$defs/big"})";
  const double once = num_states({big, big, big, big, big, big});
  EXPECT_LT(
      num_states({big, R"({"title":"a","$ref":"#/$defs/big"})", R"({"$ref":"#/$defs/other","default":1})",
                  R"({"allOf":[{"$ref":"#/$defs/big"}]})", R"({"anyOf":[{"$ref":"#/$defs/other"},{"type":"null"}]})",
                  R"({"anyOf":[{"type":"null"},{"$ref":"#/$defs/big"}],"description":"d"})"}),
      1.1 * once);
}

TEST_F(SchemaReferences, EqualReferencesOfTwoResourcesDiffer) {
  expect(R"({"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array","minItems":2,"prefixItems":[
             {"$id":"x:a","type":"object","required":["k"],"properties":{"k":{"items":{"$ref":"#/$defs/n"},"type":"array"}},
              "$defs":{"n":{"type":"null"}}},
             {"$id":"x:b","type":"object","required":["k"],"properties":{"k":{"items":{"$ref":"#/$defs/n"},"type":"array"}},
              "$defs":{"n":{"type":"integer"}}}]})",
         {R"([{"k":[null]},{"k":[1]}])"}, {R"([{"k":[null]},{"k":[null]}])", R"([{"k":[1]},{"k":[1]}])"});
}

TEST_F(SchemaReferences, AnchorsHaveManySpellings) {
  expect(R"({"$defs":{"x":{"$id":"#here","type":"null"}},"$ref":"#here"})", {"null"}, {"1"});
  expect(R"({"definitions":{"x":{"id":"#here","type":"null"}},"$ref":"#here"})", {"null"}, {"1"});
  expect(R"({"$defs":{"x":{"$dynamicAnchor":"here","type":"null"}},"$dynamicRef":"#here"})", {"null"}, {"1"});
  expect(R"({"type":"array","items":{"$recursiveRef":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"});
  expect(
      R"({"$id":"https://e/r","$defs":{"a":{"$id":"a","$anchor":"n","type":"null"},"b":{"$anchor":"n","type":"integer"}},
             "anyOf":[{"$ref":"a#n"}]})",
      {"null"}, {"1"});
  // A property or a constant of that name is none.
  expect_refusal(R"({"properties":{"a":{"const":{"$anchor":"here"}}},"$ref":"#here"})", "names nothing");
}

TEST_F(SchemaReferences, UpToDraft7NothingStandsBesideAReference) {
  const std::string rest = R"("$ref":"#/definitions/n","minimum":3,"definitions":{"n":{"type":"integer"}}})";
  expect(R"({"$schema":"http://json-schema.org/draft-07/schema#",)" + rest, {"1", "3"}, {"null"});
  expect(R"({"$schema":"https://json-schema.org/draft/2020-12/schema",)" + rest, {"3"}, {"1"});
}

}  // namespace
}  // namespace braid::grammar
