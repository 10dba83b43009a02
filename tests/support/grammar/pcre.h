// For tests: asks PCRE2 whether a whole text matches a pattern.
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace braid::grammar::testing {

class Pcre {
 public:
  // Nothing if PCRE2 refuses the pattern. With `unicode`, \d and \w are Unicode's, as in some dialects; otherwise
  // ASCII's. A match gives up after `max_steps`.
  static std::optional<Pcre> compile(std::string_view pattern, bool unicode, uint32_t max_steps = 10'000'000) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    const std::string whole = "\\A(?:" + std::string(pattern) + ")\\z";
    Pcre made;
    made.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(whole.data()), whole.size(),
                                   PCRE2_UTF | (unicode ? PCRE2_UCP : 0U), &error, &offset, nullptr));
    if (made.code_ == nullptr) return std::nullopt;
    made.match_.reset(pcre2_match_data_create_from_pattern(made.code_.get(), nullptr));
    made.limits_.reset(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(made.limits_.get(), max_steps);
    return made;
  }

  // Nothing if PCRE2 gives up.
  std::optional<bool> matches(std::string_view text) const {
    const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                                  match_.get(), limits_.get());
    if (found >= 0) return true;
    return found == PCRE2_ERROR_NOMATCH ? std::optional(false) : std::nullopt;
  }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
    void operator()(pcre2_match_context* limits) const { pcre2_match_context_free(limits); }
  };

  Pcre() = default;

  std::unique_ptr<pcre2_code, Free> code_;
  std::unique_ptr<pcre2_match_data, Free> match_;
  std::unique_ptr<pcre2_match_context, Free> limits_;
};

}  // namespace braid::grammar::testing
