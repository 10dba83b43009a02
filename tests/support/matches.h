// Matches POSIX regular expressions in tests, with GoogleTest's matcher.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace braid {

// Whether the expression matches the whole text.
inline bool matches(const std::string& text, const std::string& posix_regex) {
  return ::testing::Matcher<const std::string&>(::testing::MatchesRegex(posix_regex)).Matches(text);
}

}  // namespace braid
