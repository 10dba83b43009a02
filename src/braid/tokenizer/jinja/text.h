// Unicode text as Python's str treats it: code points, white space, cases, printable characters. UTF-8 in and out.
// Kinds of characters and cases: letter_case.cc and letter_case_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace braid::jinja {

bool is_utf8(std::string_view text);
int64_t count_chars(std::string_view text);  // of valid UTF-8
void append_char(std::string& out, char32_t c);
// The code point at `at`; advances `at` past it.
char32_t next_char(std::string_view text, size_t& at);
std::u32string to_chars32(std::string_view text);
std::string to_utf8(std::u32string_view chars);
// The byte offset of the n-th code point (the text's end if there are fewer).
size_t offset_of_char(std::string_view text, int64_t n);

bool is_space(char32_t c);  // str.isspace
bool is_alpha(char32_t c);
bool is_alnum(char32_t c);
bool is_decimal_digit(char32_t c);
bool is_any_digit(char32_t c);  // str.isdigit
bool is_numeric(char32_t c);    // str.isnumeric
// The value, 0 to 9, of a decimal digit of any script.
int decimal_value(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
bool is_printable(char32_t c);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title_case(std::string_view text);  // str.title
std::string fold_case(std::string_view text);   // str.casefold
bool is_title_case(std::string_view text);      // str.istitle

// Strip white space, or the code points of `chars`, from one end.
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
std::string_view strip_left(std::string_view text, std::string_view chars);
std::string_view strip_right(std::string_view text, std::string_view chars);

// str.split() by white space; at most max_split splits (no limit if negative).
std::vector<std::string_view> split_space(std::string_view text, int64_t max_split);
std::vector<std::string_view> rsplit_space(std::string_view text, int64_t max_split);
std::vector<std::string_view> split_by(std::string_view text, std::string_view separator, int64_t max_split);
std::vector<std::string_view> rsplit_by(std::string_view text, std::string_view separator, int64_t max_split);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

// Linear time for any texts. npos if absent.
size_t find_text(std::string_view text, std::string_view what, size_t from = 0);
size_t rfind_text(std::string_view text, std::string_view what);
int64_t count_text(std::string_view text, std::string_view what);
std::string replace_text(std::string_view text, std::string_view from, std::string_view to, int64_t max_count);

std::string html_escape(std::string_view text);
std::string python_repr(std::string_view text);
std::string ascii_only(std::string_view text);  // \x, \u and \U escapes for the rest
std::string python_repr(double value);

}  // namespace braid::jinja
