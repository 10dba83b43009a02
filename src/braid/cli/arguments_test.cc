#include "braid/cli/arguments.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <limits>

#include "braid/cli/flag_values.h"

namespace braid {
namespace {

TEST(Arguments, AFlagsLastValueCountsAndListsKeepAllValues) {
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

std::string explain(CLI::App& app, std::vector<std::string> arguments) {
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return explain_parse_error(app, error, arguments);
  }
  return "no error";
}

TEST(Arguments, ErrorsNameTheFlagItsValueAndWhatIsAllowed) {
  const auto explained = [](std::vector<std::string> arguments) {
    CLI::App app("", "braid");
    app.require_subcommand(1);
    CLI::App* generate = app.add_subcommand("generate");
    int number = 0;
    float share = 0;
    uint64_t seed = 0;
    int64_t bytes = 0;
    std::string level;
    std::string path;
    bool json = false;
    generate->add_flag("--json", json);
    generate->add_option("--model-path", path)->required();
    generate->add_option("--max-new-tokens", number)->check(whole_number(0, 100));
    generate->add_option("--page-size", number)->check(whole_number(16, 4096, 16));
    generate->add_option("--top-p", share)->check(number_above(0, 1));
    generate->add_option("--min-p", share)->check(number_from(0, 1));
    generate->add_option("--fraction", share)->check(number_between(0, 1));
    generate->add_option("--seed", seed)->check(whole_number(0, std::numeric_limits<uint64_t>::max()));
    generate->add_option("--memory", bytes)->transform(CLI::Validator(byte_size(1024, int64_t{1} << 40), ""));
    generate->add_option("--log-level", level)->check(one_of({"info", "error"}));
    CLI::App* bench = app.add_subcommand("bench");
    bench->require_subcommand(1);
    bench->add_subcommand("kernels")->add_flag("--json");
    CLI::App* batch = app.add_subcommand("batch");
    batch->add_option("INPUT", path)->required();
    batch->add_option("--model", path)->required();
    arguments.insert(arguments.begin() + 1, "--model-path=x");
    if (arguments[0] != "generate") arguments.erase(arguments.begin() + 1);
    return explain(app, arguments);
  };
  EXPECT_EQ(explained({"generate", "--seed", "-1"}),
            "--seed -1: must be a whole number from 0 to 18446744073709551615");
  EXPECT_EQ(explained({"generate", "--seed", "18446744073709551616"}),
            "--seed 18446744073709551616: must be a whole number from 0 to 18446744073709551615");
  EXPECT_EQ(explained({"generate", "--seed", "18446744073709551615"}), "no error");
  EXPECT_EQ(explained({"generate", "--memory", "1.5 gib"}), "no error");
  EXPECT_EQ(explained({"generate", "--memory", "1X"}),
            "--memory 1X: must be a number of bytes, like 2000000000, 2GB or 1.5GiB");
  EXPECT_EQ(explained({"generate", "--log-level", "loud"}), "--log-level loud: must be one of info, error");
  EXPECT_EQ(explained({"generate", "--memory", "1000"}), "--memory 1000: must be from 1024 to 1099511627776 bytes");
  EXPECT_EQ(explained({"generate", "--max-new-tokens", "1.5"}),
            "--max-new-tokens 1.5: must be a whole number from 0 to 100");
  EXPECT_EQ(explained({"generate", "--page-size", "17"}), "--page-size 17: must be a multiple of 16 from 16 to 4096");
  EXPECT_EQ(explained({"generate", "--page-size", "32"}), "no error");
  for (const char* wrong : {"x", "0", "1.01", "nan", ""}) {
    EXPECT_EQ(explained({"generate", "--top-p", wrong}),
              std::string("--top-p ") + wrong + ": must be a number above 0 and at most 1");
  }
  EXPECT_EQ(explained({"generate", "--min-p", "0"}), "no error");
  EXPECT_EQ(explained({"generate", "--min-p", "-0.1"}), "--min-p -0.1: must be a number from 0 to 1");
  EXPECT_EQ(explained({"generate", "--fraction", "1"}), "--fraction 1: must be a number above 0 and below 1");
  EXPECT_EQ(explained({"generate", "--top-p"}), "--top-p needs a value");
  EXPECT_EQ(explained({"generate", "--max-new-tokens", "--top-p", "0.5"}), "--max-new-tokens needs a value");
  EXPECT_EQ(explained({"generate", "--max-new-tokens", "--json"}), "--max-new-tokens needs a value");
  EXPECT_EQ(explained({"generate", "--json=maybe"}), "--json maybe: must be true or false");
  EXPECT_EQ(explained({"generate", "-p", "x"}), "unknown flag -p; see braid generate --help");
  EXPECT_EQ(explained({"generate", "--max-new-tokens-please", "1"}),
            "unknown flag --max-new-tokens-please; did you mean --max-new-tokens?");
  EXPECT_EQ(explained({"generate", "hello"}), "unexpected argument hello; see braid generate --help");
  EXPECT_EQ(explained({"bench", "kernel"}), "unknown command kernel; did you mean kernels?");
  EXPECT_EQ(explained({"bench"}), "which command? one of: kernels; see braid bench --help");
  EXPECT_EQ(explained({"batch"}), "braid batch needs INPUT, --model; see braid batch --help");
}

TEST(Arguments, AnUnknownCommandIsNamedEvenIfFlagsFollow) {
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
