// What a schema's grammar accepts and refuses, for tests of JSON schemas.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "braid/formats/json.h"
#include "tests/support/grammar/byte_tokenizer.h"
#include "tests/support/grammar/grammars.h"

namespace braid::grammar::testing {

class SchemaTest : public ::testing::Test {
 protected:
  // The schema's grammar accepts the texts of `yes` and none of `no`.
  void expect(const std::string& schema, const std::vector<std::string>& yes, const std::vector<std::string>& no) {
    expect_texts(compiler_.json_schema(*parse_json(schema)), schema, yes, no);
  }
  // The schema is refused, with `reason` in the message.
  void expect_refusal(const std::string& schema, const std::string& reason) {
    const auto grammar = compiler_.json_schema(*parse_json(schema));
    ASSERT_FALSE(grammar.ok()) << schema;
    EXPECT_NE(grammar.error().message.find(reason), std::string::npos) << grammar.error().message;
  }

 private:
  const ByteTokenizer tokenizer_;
  GrammarCompiler compiler_{tokenizer_};
};

}  // namespace braid::grammar::testing
