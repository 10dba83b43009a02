// Compares with jinja2: every fixture of tools/make_template_fixtures.py renders to the same text, or is an error in
// both. Hostile templates end in an error within the limits.
#include "braid/tokenizer/chat_template.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "braid/formats/json.h"
#include "tests/support/tokenizer/template_tables.h"

namespace braid {
namespace {

constexpr const char* kFolder = "src/braid/tokenizer/testdata/templates/";

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<Json> read_lines(const std::string& name) {
  std::vector<Json> lines;
  std::ifstream in(kFolder + name);
  for (std::string line; std::getline(in, line);) {
    auto json = parse_json(line);
    EXPECT_TRUE(json.ok()) << name;
    if (json.ok()) lines.push_back(*std::move(json));
  }
  return lines;
}

Result<std::string> render(std::string_view source, const Json& variables, const TemplateLimits& limits = {}) {
  TRY(const ChatTemplate parsed, ChatTemplate::parse(source));
  const std::tm now = testing::template_time();
  return parsed.render(variables, limits, &now);
}

void expect_as_in_jinja2(const Json& fixture, const std::string& source, const Json& variables) {
  const auto rendered = render(source, variables);
  const std::string name = fixture["name"];
  if (fixture.contains("error")) {
    EXPECT_FALSE(rendered.ok()) << name << ": " << source << "\nrendered " << *rendered;
    return;
  }
  ASSERT_TRUE(rendered.ok()) << name << ": " << source << "\n" << rendered.error().message;
  EXPECT_EQ(*rendered, fixture["output"].get<std::string>()) << name << ": " << source;
}

class ChatTemplateConversations : public ::testing::TestWithParam<std::string> {};

TEST_P(ChatTemplateConversations, RenderAsInJinja2) {
  const auto lines = read_lines("conversations.jsonl");
  const std::string source = read_file(kFolder + GetParam() + ".jinja");
  int num_rendered = 0;
  for (size_t i = 1; i < lines.size(); ++i) {
    const Json& fixture = lines[i];
    if (fixture["file"] != GetParam()) continue;
    Json variables = lines[0]["conversations"][fixture["conversation"].get<std::string>()];
    for (const auto& [key, value] : lines[0]["options"][GetParam()][fixture["option"].get<size_t>()].items()) {
      variables[key] = value;
    }
    expect_as_in_jinja2(fixture, source, variables);
    ++num_rendered;
  }
  EXPECT_GE(num_rendered, 20);
}

std::vector<std::string> template_names() {
  std::vector<std::string> names;
  std::error_code none;  // if the folder is missing there are no tests, which GoogleTest reports
  for (const auto& file : std::filesystem::directory_iterator(kFolder, none)) {
    if (file.path().extension() == ".jinja") names.push_back(file.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Templates, ChatTemplateConversations, ::testing::ValuesIn(template_names()),
                         [](const auto& name) { return name.param; });

class ChatTemplateSnippets : public ::testing::TestWithParam<const char*> {};

TEST_P(ChatTemplateSnippets, RenderAsInJinja2) {
  const auto lines = read_lines(GetParam() + std::string(".jsonl"));
  ASSERT_GT(lines.size(), 200U);
  for (size_t i = 1; i < lines.size(); ++i) {
    const Json& variables = lines[i].contains("variables") ? lines[i]["variables"] : lines[0]["variables"];
    expect_as_in_jinja2(lines[i], lines[i]["template"], variables);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ChatTemplateSnippets, ::testing::Values("snippets", "corners", "random"),
                         [](const auto& name) { return name.param; });

void expect_error(std::string_view source, std::string_view message, const Json& variables = Json::object(),
                  const TemplateLimits& limits = {}) {
  const auto rendered = render(source, variables, limits);
  ASSERT_FALSE(rendered.ok()) << source << " gave " << rendered->size() << " bytes";
  EXPECT_NE(rendered.error().message.find(message), std::string::npos) << rendered.error().message;
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  expect_error("a\n\n{{ 1 +", "line 3:");
  expect_error("a\n{% if x %}\n\n", "line 3: the template ends where 'endif' is missing");
  expect_error("a\n\n{{ missing.x }}", "line 3: 'missing' is undefined");
  expect_error("{% macro f() %}\n{{ 1 / 0 }}{% endmacro %}\n\n{{ f() }}", "line 2: division by zero");
  expect_error("\n{{ raise_exception('Only this: ' ~ 5) }}", "line 2: Only this: 5");
  expect_error("{{ messages[0].content + 1 }}", "list object has no element 0", Json{{"messages", Json::array()}});
}

TEST(ChatTemplate, NothingRunsForEver) {
  TemplateLimits limits;
  limits.max_steps = 200'000;
  limits.max_output_bytes = 1 << 20;
  limits.max_memory_bytes = 8 << 20;
  const auto stops = [&](std::string_view source, std::string_view why) {
    expect_error(source, why, Json::object(), limits);
  };
  stops("{% for i in range(10**9) %}x{% endfor %}", "range too big");
  stops("{% for i in range(10**5) %}{% for j in range(10**5) %}{% endfor %}{% endfor %}", "steps");
  stops("{{ 'x' * 10**9 }}", "more than 1048576 bytes");
  stops("{{ [1] * 10**9 }}", "more than");
  stops("{{ [[1] * 1000] * 10**30 }}", "too long");
  stops("{% set n = namespace(s='xxxxxxxxxxxxxxxx') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
        "bytes");
  stops("{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}", "");
  stops("{% set n = namespace(s=[]) %}{% for i in range(9999) %}{% set n.s = [n.s] %}{% endfor %}", "nested deeper");
  stops("{% set n = namespace(s=[1]) %}{% for i in range(400) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
        "steps");
  stops(
      "{% set n = namespace(s=[1]) %}{% for i in range(400) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s == [n.s] "
      "}}{{ n.s|tojson }}",
      "");
  stops("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deeper than");
  stops("{% macro f(n) %}{% for i in range(n) %}{{ f(n) }}{% endfor %}{% endmacro %}{{ f(5) }}", "deeper than");
  stops("{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deeper than");
  stops("{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}{{ f(caller=f) }}{% endcall %}", "");
  stops("{{ '%1000000000d' % 5 }}", "");
  stops("{{ '{:1000000000}'.format(5) }}", "");
  stops("{{ 'x'.center(10**9) }}", "more than");
  stops("{{ '\\t\\t'.expandtabs(10**9) }}", "more than");
  stops("{{ '\\t'.expandtabs(10**30) }}", "more than");
  stops("{{ '{:>{}}'.format('x', 10**9) }}", "more than 9999");
  stops("{{ '{:.{}f}'.format(1, 10**9) }}", "more than 9999");
  stops("{{ '{:{:{}}}'.format('x', 1, 2) }}", "recursion");
  stops("{{ 'x'|indent(10**9) }}", "more than");
  stops("{{ [1]|tojson(indent=10**9) }}", "at most");
  stops("{{ 'ab'.replace('', 'x' * 10**6) }}", "more than");
  stops("{{ [1]|batch(10**9, 1)|list }}", "more than");
  stops("{{ 9**9**9**9 }}", "128 bits");
  stops("{{ 10**38 * 10 }}", "128 bits");
  stops(std::string("{{ ") + std::string(100'000, '(') + "1" + std::string(100'000, ')') + "}}", "too deeply");
  stops(std::string("{{ ") + std::string(100'000, '-') + "1 }}", "too deeply");
  stops(
      [] {
        std::string many = "{{ 1";
        for (int i = 0; i < 100'000; ++i) many += "+1";
        return many + " }}";
      }(),
      "deeper than");
  stops(
      [] {
        std::string many;
        for (int i = 0; i < 10'000; ++i) many += "{% if 1 %}";
        return many;
      }(),
      "too deeply");
  stops(
      "{% set n = namespace() %}{% for i in range(99999) %}{% set n = namespace(n=n) %}{% endfor %}{% for i in "
      "range(99999) %}{% set m = namespace() %}{% endfor %}",
      "");
}

// Otherwise a long chain would be destroyed by deep recursion, and a cycle never.
TEST(ChatTemplate, CyclesAndLongChainsAreFreed) {
  for (const char* source : {
           "{% set n = namespace() %}{% set n.me = n %}{% macro f() %}{% endmacro %}{% set n.f = f %}",
           "{% set n = namespace(x=1) %}{% for i in range(20000) %}{% set m = namespace(x=n.x) %}{% set n.x = m %}{% "
           "endfor %}",
           "{% set n = namespace() %}{% for i in range(9000) %}{% set prev = n.m %}{% macro m() %}{{ prev }}{% "
           "endmacro %}"
           "{% set n.m = m %}{% endfor %}",
           "{% set n = namespace() %}{% for i in range(20000) %}{% set prev = n.l %}{% for j in [prev] %}{% set n.l = "
           "loop "
           "%}{% set n.c = loop.cycle %}{% endfor %}{% endfor %}{{ n.c('a') }}{{ n.l.index }}{{ n.l.last }}",
       }) {
    const auto rendered = render(source, Json::object());
    EXPECT_TRUE(rendered.ok()) << source << rendered.error().message;
  }
}

TEST(ChatTemplate, OnlyUsedVariablesAreConverted) {
  Json variables;
  for (int i = 0; i < 5'000; ++i) variables["unused " + std::to_string(i)] = i;
  variables["used"] = "yes";
  const auto rendered = render("{{ used }}", variables);
  ASSERT_TRUE(rendered.ok());
  EXPECT_EQ(*rendered, "yes");
}

// Like jinja2's generators: an item that is not read does not fail, and each item is returned once.
TEST(ChatTemplate, LazyFiltersFailWhereTheyAreRead) {
  const Json variables = {{"l", {1, "x"}}};
  const auto rendered = render("{% set g = l|map('abs') %}{{ 'made' if g }} {{ g|first }}", variables);
  ASSERT_TRUE(rendered.ok()) << rendered.error().message;
  EXPECT_EQ(*rendered, "made 1");
  expect_error("{% set g = l|map('abs') %}\n\n{{ g|list }}", "line 3: bad operand type for abs(): 'str'", variables);
}

TEST(ChatTemplate, VariablesMustBeAnObject) {
  EXPECT_FALSE(render("x", Json::array()).ok());
  EXPECT_FALSE(ChatTemplate::parse("\xff").ok());
}

}  // namespace
}  // namespace braid
