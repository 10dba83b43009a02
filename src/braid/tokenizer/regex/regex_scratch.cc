#include "braid/tokenizer/regex/regex_scratch.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr size_t kJitStackStartBytes = 32 << 10;
constexpr size_t kJitStackMaxBytes = 1 << 20;
// The number of steps that one search may backtrack: PCRE2's default. The families' patterns need a handful per match;
// 10^7 steps take about 50 ms.
constexpr uint32_t kMatchLimit = 10'000'000;
constexpr uint32_t kLeastMatchLimit = 1000;
constexpr uint32_t kHeapLimitKib = 64 << 10;
constexpr size_t kMaxKeptBytes = 1 << 20;  // a buffer that grew for one huge text is not kept

}  // namespace

RegexScratch::RegexScratch()
    : match_data_(pcre2_match_data_create_8(1, nullptr)),
      match_context_(pcre2_match_context_create_8(nullptr)),
      jit_stack_(pcre2_jit_stack_create_8(kJitStackStartBytes, kJitStackMaxBytes, nullptr)) {
  CHECK(match_data_ != nullptr && match_context_ != nullptr, "out of memory");
  start_text();
  pcre2_set_heap_limit_8(match_context_, kHeapLimitKib);
  // A PCRE2 without JIT has no JIT stack to assign.
  if (jit_stack_ != nullptr) pcre2_jit_stack_assign_8(match_context_, nullptr, jit_stack_);
}

RegexScratch::~RegexScratch() {
  pcre2_match_data_free_8(match_data_);
  pcre2_match_context_free_8(match_context_);
  if (jit_stack_ != nullptr) pcre2_jit_stack_free_8(jit_stack_);
}

void RegexScratch::start_text() {
  if (match_limit_ == kMatchLimit) return;
  match_limit_ = kMatchLimit;
  pcre2_set_match_limit_8(match_context_, match_limit_);
}

void RegexScratch::halve_limit() {
  match_limit_ = std::max(match_limit_ / 2, kLeastMatchLimit);
  pcre2_set_match_limit_8(match_context_, match_limit_);
}

RegexScratch::Lease::Lease(RegexScratch& scratch) : scratch_(scratch) {
  if (scratch.buffers_.empty()) return;
  buffer_ = std::move(scratch.buffers_.back());
  scratch.buffers_.pop_back();
  buffer_.clear();
}

RegexScratch::Lease::~Lease() {
  if (buffer_.capacity() <= kMaxKeptBytes) scratch_.buffers_.push_back(std::move(buffer_));
}

}  // namespace braid
