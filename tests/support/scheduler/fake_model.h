// For tests: a "model" whose next token is a hash of all tokens before it, and a KV cache that remembers in each slot
// which history it was written for. It executes StepPlans as a model runner would, and notices any slot that holds
// another history than the sequence reading it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "braid/request/ids.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"

namespace braid {

class FakeModel {
 public:
  FakeModel(const SchedulerConfig& config, int32_t vocab_size)
      : page_size_(config.page_size), vocab_size_(vocab_size), groups_(config.kv_groups()) {
    for (const KvGroupPool& group : groups_) {
      slots_.emplace_back(static_cast<size_t>(group.num_pages) * static_cast<size_t>(page_size_), 0);
    }
  }

  static uint64_t extend(uint64_t history, TokenId token) {
    history = (history ^ static_cast<uint32_t>(token)) * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U;
    return history ^ (history >> 29);
  }
  // The token after `history`, drawn for the request's seed at its output position.
  static TokenId next_token(uint64_t history, uint64_t seed, int32_t position, int32_t vocab_size) {
    const uint64_t drawn = extend(extend(history, static_cast<TokenId>(seed)), position);
    return static_cast<TokenId>((drawn >> 17) % static_cast<uint64_t>(vocab_size));
  }

  // What `token` gets after `history`.
  static ScoredToken score(uint64_t history, TokenId token) {
    return {.token = token, .logprob = -static_cast<float>(extend(history, token) >> 40U), .top_logprobs = {}};
  }

  // Runs the plan. `tokens_of(request)` is what the test knows the request's prompt and output to be.
  template <typename TokensOf>
  StepResult run(const StepPlan& plan, const TokensOf& tokens_of) {
    StepResult result{.step = plan.step, .sequences = {}};
    for (size_t group = 0; group < groups_.size(); ++group) run_attention(plan, group, tokens_of);
    for (const SequencePlan& sequence : plan.sequences) {
      EXPECT_EQ(sequence.page_tables.size(), groups_.size());
      const std::vector<TokenId>& tokens = tokens_of(sequence.request);
      const auto num_new = static_cast<int32_t>(sequence.new_tokens.size());
      SequenceResult own{.request = sequence.request};
      const PromptScoring& scoring = sequence.scoring;
      uint64_t history = sequence.has_long_rope ? 1 : 0;  // keys of the two kinds differ from the first on
      for (int32_t position = 0; position < sequence.first_position + num_new; ++position) {
        history = extend(history, tokens.at(static_cast<size_t>(position)));
        const int32_t scored = position - sequence.first_position - scoring.first_new;
        if (scored >= 0 && scored < static_cast<int32_t>(scoring.tokens.size())) {
          own.prompt_logprobs.push_back(score(history, scoring.tokens[static_cast<size_t>(scored)]));
        }
      }
      EXPECT_EQ(own.prompt_logprobs.size(), scoring.tokens.size());
      if (sequence.samples) {
        EXPECT_EQ(sequence.first_position + num_new, static_cast<int32_t>(tokens.size()));
        own.sampled.token =
            next_token(history, sequence.sampling.params.seed, sequence.sampling.num_output_tokens, vocab_size_);
      }
      if (sequence.has_result()) result.sequences.push_back(std::move(own));
    }
    return result;
  }

  // As KvPageCopy does.
  void copy_pages(const FakeModel& from, const std::vector<std::vector<PageId>>& source,
                  const std::vector<std::vector<PageId>>& target) {
    ASSERT_EQ(source.size(), target.size());
    for (size_t group = 0; group < source.size(); ++group) {
      ASSERT_EQ(source[group].size(), target[group].size());
      for (size_t i = 0; i < source[group].size(); ++i) {
        std::copy_n(from.slots_[group].begin() + source[group][i] * page_size_, page_size_,
                    slots_[group].begin() + target[group][i] * page_size_);
      }
    }
  }

  // Pages that a plan's sequence has in one KV group at most, over all plans.
  size_t most_pages(size_t group) const { return most_pages_.at(group); }

 private:
  // The layers of one KV group: writes every new token's key, and reads those that its window shows.
  template <typename TokensOf>
  void run_attention(const StepPlan& plan, size_t group, const TokensOf& tokens_of) {
    const int32_t window = groups_[group].window;
    most_pages_.resize(groups_.size());
    std::map<PageId, RequestId> writers;
    for (const SequencePlan& sequence : plan.sequences) {
      const auto& [first_page, pages] = sequence.page_tables.at(group);
      const auto end = sequence.first_position + static_cast<int32_t>(sequence.new_tokens.size());
      EXPECT_EQ(first_page + static_cast<int32_t>(pages.size()), (end + page_size_ - 1) / page_size_);
      EXPECT_EQ(first_page, first_kept_page(window, sequence.first_position, page_size_));
      EXPECT_EQ(std::set<PageId>(pages.begin(), pages.end()).size(), pages.size());
      for (int32_t i = sequence.first_position / page_size_ - first_page; i < static_cast<int32_t>(pages.size()); ++i) {
        EXPECT_TRUE(writers.emplace(pages.at(static_cast<size_t>(i)), sequence.request).second) << "two write one page";
      }
      most_pages_[group] = std::max(most_pages_[group], pages.size());
    }
    for (const SequencePlan& sequence : plan.sequences) {
      const auto& [first_page, pages] = sequence.page_tables.at(group);
      const std::vector<TokenId>& tokens = tokens_of(sequence.request);
      const auto end = sequence.first_position + static_cast<int32_t>(sequence.new_tokens.size());
      const int32_t first_seen = window == 0 ? 0 : std::max(0, sequence.first_position - window + 1);
      uint64_t history = sequence.has_long_rope ? 1 : 0;
      for (int32_t position = 0; position < end; ++position) {
        history = extend(history, tokens.at(static_cast<size_t>(position)));
        if (position < first_seen) continue;
        const PageId page = pages.at(static_cast<size_t>(position / page_size_ - first_page));
        uint64_t& slot = slots_[group].at(static_cast<size_t>(page * page_size_ + position % page_size_));
        if (position >= sequence.first_position) {
          EXPECT_EQ(sequence.new_tokens[static_cast<size_t>(position - sequence.first_position)],
                    tokens[static_cast<size_t>(position)]);
          slot = history;
          continue;
        }
        EXPECT_EQ(slot, history) << "request " << sequence.request << " reads another's key at " << position;
        const auto writer = writers.find(page);
        EXPECT_TRUE(writer == writers.end() || writer->second == sequence.request);
      }
    }
  }

  const int32_t page_size_;
  const int32_t vocab_size_;
  const std::vector<KvGroupPool> groups_;
  std::vector<std::vector<uint64_t>> slots_;  // by KV group: hash of the history up to and including the slot's token
  std::vector<size_t> most_pages_;
};

}  // namespace braid
