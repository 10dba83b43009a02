// What matching needs besides the pattern. Each matching thread needs its own. Tested by regex_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace braid {

class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(const RegexScratch&) = delete;
  RegexScratch& operator=(const RegexScratch&) = delete;

  // Call for each new text: restores the full backtracking limit.
  void start_text();
  // Call when a search was cut off: later searches in the same text may backtrack half as far. So a hostile pattern
  // costs a text little more than one search, however many pieces there are.
  void halve_limit();

  pcre2_real_match_data_8* match_data() { return match_data_; }
  pcre2_real_match_context_8* match_context() { return match_context_; }

  // A buffer, returned (with its memory) when the lease ends. There are several because matches nest: a callback may
  // match too.
  class Lease {
   public:
    explicit Lease(RegexScratch& scratch);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    std::string& operator*() { return buffer_; }
    std::string* operator->() { return &buffer_; }

   private:
    RegexScratch& scratch_;
    std::string buffer_;
  };

 private:
  pcre2_real_match_data_8* match_data_;
  pcre2_real_match_context_8* match_context_;
  pcre2_real_jit_stack_8* jit_stack_;
  std::vector<std::string> buffers_;
  uint32_t match_limit_ = 0;
};

}  // namespace braid
