// Tables of templates beside what they render to. Every expected text is what jinja2 3.1 renders in the environment of
// tools/make_template_fixtures.py; where a table expects an error, jinja2 raises one too, unless the table says
// otherwise.
#pragma once

#include <gtest/gtest.h>

#include <ctime>
#include <initializer_list>
#include <string>
#include <string_view>

#include "braid/tokenizer/chat_template.h"

namespace braid::testing {

struct TemplateRow {
  std::string_view source;
  std::string_view wanted;  // the text, or a part of the error's message
};

// The time of strftime_now in fixtures and tables: 2026-03-09 04:05:06, a Monday.
inline std::tm template_time() {
  std::tm now{};
  now.tm_year = 126;
  now.tm_mon = 2;
  now.tm_mday = 9;
  now.tm_hour = 4;
  now.tm_min = 5;
  now.tm_sec = 6;
  now.tm_wday = 1;
  now.tm_yday = 67;
  return now;
}

inline Result<std::string> render_template(std::string_view source, const TemplateLimits& limits = {}) {
  const std::tm now = template_time();
  auto parsed = ChatTemplate::parse(source);
  if (!parsed.ok()) return parsed.error();
  return parsed->render(nlohmann::ordered_json::object(), limits, &now);
}

inline void expect_templates(std::initializer_list<TemplateRow> rows) {
  for (const auto& [source, wanted] : rows) {
    const auto text = render_template(source);
    ASSERT_TRUE(text.ok()) << source << "\n" << text.error().message;
    EXPECT_EQ(*text, wanted) << source;
  }
}

inline void expect_template_errors(std::initializer_list<TemplateRow> rows) {
  for (const auto& [source, wanted] : rows) {
    const auto text = render_template(source);
    ASSERT_FALSE(text.ok()) << source << " renders " << *text;
    EXPECT_NE(text.error().message.find(wanted), std::string::npos) << source << "\n" << text.error().message;
  }
}

// The rows' sources are expressions, rendered as {{ source }}.
inline void expect_expressions(std::initializer_list<TemplateRow> rows) {
  for (const auto& [source, wanted] : rows) {
    expect_templates({{"{{ " + std::string(source) + " }}", wanted}});
  }
}

inline void expect_expression_errors(std::initializer_list<TemplateRow> rows) {
  for (const auto& [source, wanted] : rows) {
    expect_template_errors({{"{{ " + std::string(source) + " }}", wanted}});
  }
}

}  // namespace braid::testing
