#include "braid/cli/arguments.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(ParseTokenIds, TakesWholeNumbersBetweenCommasAndNothingElse) {
  EXPECT_EQ(parse_token_ids("1,2,3").value(), (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(parse_token_ids("7, 8").value(), (std::vector<TokenId>{7, 8}));
  for (const char* wrong : {"", ",", "1,", ",1", "1,,2", "1 2", "x", "1.5", "99999999999"}) {
    EXPECT_FALSE(parse_token_ids(wrong).ok()) << wrong;
  }
}

TEST(Arguments, TheLastOfAFlagsValuesCountsAndListsKeepAll) {
  CLI::App app;
  CLI::App* command = app.add_subcommand("go");
  int number = 0;
  int grouped = 0;
  std::vector<std::string> list;
  command->add_option("--number", number);
  command->add_option_group("Group")->add_option("--grouped", grouped);
  command->add_option("--list", list);
  let_last_value_win(*command);
  app.parse("go --number 1 --list a --grouped 5 --number 2 --list b --grouped 6");
  EXPECT_EQ(number, 2);
  EXPECT_EQ(grouped, 6);
  EXPECT_EQ(list, (std::vector<std::string>{"a", "b"}));
}

TEST(Arguments, AFilesFlagsComeBeforeTheCommandLines) {
  const auto flags =
      config_arguments("# a comment\nmodel-path: 'x y'\nmax_new_tokens = 5\nchat = true\njson = false\n", "f");
  EXPECT_EQ(flags.value(), (std::vector<std::string>{"--model-path=x y", "--max-new-tokens=5", "--chat"}));
  EXPECT_FALSE(config_arguments("no such line", "f").ok());
}

std::string explain(CLI::App& app, std::vector<std::string> arguments) {
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return explain_parse_error(app, error, arguments);
  }
  return "no error";
}

TEST(Arguments, AnUnknownCommandIsNamedEvenWithFlagsBehindIt) {
  CLI::App app("", "braid");
  app.require_subcommand(1);
  int number = 0;
  app.add_subcommand("generate")->add_option("--max-new-tokens", number);
  EXPECT_EQ(explain(app, {"genrate", "--json"}), "unknown command genrate; did you mean generate?");
  EXPECT_EQ(explain(app, {"generate", "--max-new-token", "1"}),
            "unknown flag --max-new-token; did you mean --max-new-tokens?");
}

}  // namespace
}  // namespace braid
