// For tests: the one fake model, without a tensor. The next token is a hash of all tokens before it, the request's seed
// and the output position, so a test can compute what each request must get. The KV cache remembers in each slot which
// history was written to it, so a sequence that reads a slot of another history is noticed. It executes StepPlans as a
// model runner does.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/scheduler_request.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"

namespace braid {

// The tokens that the model draws: [first, first + count).
struct FakeVocabulary {
  constexpr FakeVocabulary(int32_t num_tokens) : count(num_tokens) {}
  constexpr FakeVocabulary(TokenId first_token, int32_t num_tokens) : first(first_token), count(num_tokens) {}

  TokenId first = 0;
  int32_t count = 0;
};
// Each of these is one visible ASCII character in the tokenizer of tiny_tokenizer.h.
inline constexpr FakeVocabulary kVisibleTokens{33, 60};

class FakeModel {
 public:
  FakeModel(const SchedulerConfig& config, FakeVocabulary vocabulary)
      : page_size_(config.page_size), vocabulary_(vocabulary), kv_groups_(config.kv_groups()) {
    for (const KvGroupPool& kv_group : kv_groups_) {
      slots_.emplace_back(static_cast<size_t>(kv_group.num_pages) * static_cast<size_t>(page_size_), 0);
    }
    most_pages_.resize(kv_groups_.size());
  }

  static uint64_t extend(uint64_t history, TokenId token) {
    history = (history ^ static_cast<uint32_t>(token)) * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U;
    return history ^ (history >> 29);
  }
  // The token after `history`, drawn for the request's seed at its output position.
  static TokenId next_token(uint64_t history, uint64_t seed, int32_t position, FakeVocabulary vocabulary) {
    const uint64_t drawn = extend(extend(history, static_cast<TokenId>(seed)), position);
    return vocabulary.first + static_cast<TokenId>((drawn >> 17) % static_cast<uint64_t>(vocabulary.count));
  }
  // The first `count` output tokens of a request.
  static std::vector<TokenId> output_of(std::span<const TokenId> prompt, uint64_t seed, int32_t count,
                                        FakeVocabulary vocabulary) {
    uint64_t history = 0;
    for (const TokenId token : prompt) history = extend(history, token);
    std::vector<TokenId> output;
    for (int32_t position = 0; position < count; ++position) {
      output.push_back(next_token(history, seed, position, vocabulary));
      history = extend(history, output.back());
    }
    return output;
  }
  // The score of `token` after `history`.
  static ScoredToken score(uint64_t history, TokenId token) {
    return {.token = token, .logprob = -static_cast<float>(extend(history, token) >> 40U), .top_logprobs = {}};
  }

  // Runs the plan. tokens_of(request) returns the request's prompt and output, as the test knows them.
  template <typename TokensOf>
  StepResult run(const StepPlan& plan, const TokensOf& tokens_of) {
    check_writers(plan);
    StepResult result{.step = plan.step, .sequences = {}};
    for (const SequencePlan& sequence : plan.sequences) {
      EXPECT_EQ(attend(sequence, tokens_of(sequence.request)), "");
      if (sequence.has_result()) result.sequences.push_back(result_of(sequence, tokens_of(sequence.request)));
    }
    return result;
  }

  // Attention of one sequence in all KV groups: writes every new token's key, and reads the keys that its window shows.
  // Returns what is wrong; empty: nothing.
  std::string attend(const SequencePlan& sequence, std::span<const TokenId> tokens) {
    if (sequence.page_tables.size() != kv_groups_.size()) {
      return fmt::format("request {}: {} page tables", sequence.request, sequence.page_tables.size());
    }
    for (size_t kv_group = 0; kv_group < kv_groups_.size(); ++kv_group) {
      std::string problem = attend(sequence, tokens, kv_group);
      if (!problem.empty()) return problem;
    }
    return {};
  }

  // What a sequence's plan samples and scores.
  SequenceResult result_of(const SequencePlan& sequence, std::span<const TokenId> tokens) const {
    const auto end = static_cast<size_t>(sequence.first_position) + sequence.new_tokens.size();
    const PromptScoring& scoring = sequence.scoring;
    SequenceResult result{.request = sequence.request};
    uint64_t history = first_history(sequence);
    for (size_t position = 0; position < end; ++position) {
      history = extend(history, tokens[position]);
      const auto scored = static_cast<int32_t>(position) - sequence.first_position - scoring.first_new;
      if (scored >= 0 && scored < static_cast<int32_t>(scoring.tokens.size())) {
        result.prompt_logprobs.push_back(score(history, scoring.tokens[static_cast<size_t>(scored)]));
      }
    }
    EXPECT_EQ(result.prompt_logprobs.size(), scoring.tokens.size());
    if (sequence.samples) {
      result.sampled.token =
          next_token(history, sequence.sampling.params.seed, sequence.sampling.num_output_tokens, vocabulary_);
    }
    return result;
  }

  // What the slots of these pages hold, as KvPageCopy copies keys and values; and the way back. copy_in() into no pages
  // drops the copy.
  std::vector<uint64_t> copy_out(const std::vector<std::vector<PageId>>& pages) const {
    std::vector<uint64_t> copy;
    for (size_t kv_group = 0; kv_group < pages.size(); ++kv_group) {
      for (const PageId page : pages[kv_group]) {
        const auto first = slots_[kv_group].begin() + page * page_size_;
        copy.insert(copy.end(), first, first + page_size_);
      }
    }
    return copy;
  }
  void copy_in(const std::vector<std::vector<PageId>>& pages, std::span<const uint64_t> copy) {
    for (size_t kv_group = 0; kv_group < pages.size(); ++kv_group) {
      for (const PageId page : pages[kv_group]) {
        if (std::cmp_less(copy.size(), page_size_)) return;
        std::copy_n(copy.begin(), page_size_, slots_[kv_group].begin() + page * page_size_);
        copy = copy.subspan(static_cast<size_t>(page_size_));
      }
    }
  }

  void copy_pages(const FakeModel& from, const std::vector<std::vector<PageId>>& source,
                  const std::vector<std::vector<PageId>>& target) {
    ASSERT_EQ(source.size(), target.size());
    for (size_t kv_group = 0; kv_group < source.size(); ++kv_group) {
      ASSERT_EQ(source[kv_group].size(), target[kv_group].size());
    }
    copy_in(target, from.copy_out(source));
  }

  // The most pages that any sequence had in a KV group in one step.
  size_t most_pages(size_t kv_group) const { return most_pages_.at(kv_group); }

 private:
  static uint64_t first_history(const SequencePlan& sequence) {
    return sequence.has_long_rope ? 1 : 0;  // the two kinds of keys differ from the first position on
  }

  // No page is written by two sequences, or written by one and read by another.
  void check_writers(const StepPlan& plan) {
    for (size_t kv_group = 0; kv_group < kv_groups_.size(); ++kv_group) {
      std::map<PageId, RequestId> writers;
      for (const SequencePlan& sequence : plan.sequences) {
        const auto& [first_page, pages] = sequence.page_tables.at(kv_group);
        EXPECT_EQ(std::set<PageId>(pages.begin(), pages.end()).size(), pages.size());
        for (auto i = static_cast<size_t>(sequence.first_position / page_size_ - first_page); i < pages.size(); ++i) {
          EXPECT_TRUE(writers.emplace(pages.at(i), sequence.request).second) << "two sequences write one page";
        }
        most_pages_[kv_group] = std::max(most_pages_[kv_group], pages.size());
      }
      for (const SequencePlan& sequence : plan.sequences) {
        for (const PageId page : sequence.page_tables.at(kv_group).pages) {
          const auto writer = writers.find(page);
          EXPECT_TRUE(writer == writers.end() || writer->second == sequence.request)
              << "request " << sequence.request << " reads a page that another writes";
        }
      }
    }
  }

  std::string attend(const SequencePlan& sequence, std::span<const TokenId> tokens, size_t kv_group) {
    const int32_t window = kv_groups_[kv_group].window;
    const auto& [first_page, pages] = sequence.page_tables[kv_group];
    const auto end = sequence.first_position + static_cast<int32_t>(sequence.new_tokens.size());
    const auto problem = [&](std::string_view what, int32_t position) {
      return fmt::format("request {}, KV group {}, position {}: {}", sequence.request, kv_group, position, what);
    };
    if (std::cmp_less(tokens.size(), end)) return problem("the token is unknown", end - 1);
    if (sequence.samples && std::cmp_not_equal(tokens.size(), end)) return problem("samples before the end", end);
    if (first_page + static_cast<int32_t>(pages.size()) != (end + page_size_ - 1) / page_size_ ||
        first_page != first_kept_page(window, sequence.first_position, page_size_)) {
      return problem("its pages are not those of its window", end);
    }
    const int32_t first_seen = window == 0 ? 0 : std::max(0, sequence.first_position - window + 1);
    uint64_t history = first_history(sequence);
    for (int32_t position = 0; position < end; ++position) {
      const TokenId token = tokens[static_cast<size_t>(position)];
      history = extend(history, token);
      if (position < first_seen) continue;
      const PageId page = pages[static_cast<size_t>(position / page_size_ - first_page)];
      uint64_t& slot = slots_[kv_group].at(static_cast<size_t>(page * page_size_ + position % page_size_));
      if (position < sequence.first_position) {
        if (slot != history) return problem("reads another's key", position);
        continue;
      }
      if (sequence.new_tokens[static_cast<size_t>(position - sequence.first_position)] != token) {
        return problem("is planned with another's token", position);
      }
      slot = history;
    }
    return {};
  }

  int32_t page_size_;
  FakeVocabulary vocabulary_;
  std::vector<KvGroupPool> kv_groups_;
  std::vector<std::vector<uint64_t>> slots_;  // by KV group: hash of the history up to and including the slot's token
  std::vector<size_t> most_pages_;
};

// The requests that a test's groups were sent. Their tokens follow from prompt and seed.
class FakeRequests {
 public:
  explicit FakeRequests(FakeVocabulary vocabulary = kVisibleTokens) : vocabulary_(vocabulary) {}

  void add(const SchedulerRequest& request) { requests_.insert_or_assign(request.id, request); }
  const SchedulerRequest& at(RequestId id) const { return requests_.at(id); }
  const std::map<RequestId, SchedulerRequest>& all() const { return requests_; }

  // The tokens that the request has when this part of it is computed: those up to the last new one.
  std::vector<TokenId> tokens_for(const SequencePlan& sequence) const {
    const SchedulerRequest& request = at(sequence.request);
    const auto end = sequence.first_position + static_cast<int32_t>(sequence.new_tokens.size());
    std::vector<TokenId> tokens = request.prompt;
    const auto num_output = static_cast<int32_t>(std::max<int64_t>(0, end - std::ssize(tokens)));
    const auto output = FakeModel::output_of(tokens, request.sampling.seed, num_output, vocabulary_);
    tokens.insert(tokens.end(), output.begin(), output.end());
    tokens.resize(static_cast<size_t>(end));
    return tokens;
  }

 private:
  const FakeVocabulary vocabulary_;
  std::map<RequestId, SchedulerRequest> requests_;
};

}  // namespace braid
