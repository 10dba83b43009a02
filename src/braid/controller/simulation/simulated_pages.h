// For tests: what the ranks' KV pages hold under virtual time, without a tensor: for each token a hash of all tokens up
// to it. So a sequence that reads another's keys, or none, is seen at once, on whichever rank it happens.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/kv/kv_group.h"
#include "braid/request/scheduler_request.h"
#include "braid/wire/step_plan.h"

namespace braid {

// The token that a simulated model draws for a choice's seed at a position.
inline TokenId drawn_token(uint64_t seed, int32_t position) {
  const uint64_t mixed = (seed * 64 + static_cast<uint64_t>(position) + 1) * 0x9e3779b97f4a7c15U;
  return static_cast<TokenId>(33 + (mixed >> 40U) % 60);
}

// Every request that any group was given: its tokens follow from its prompt and its seed.
class SimulatedRequests {
 public:
  void add(const SchedulerRequest& request) { requests_[request.id] = request; }
  const SchedulerRequest& at(RequestId id) const { return requests_.at(id); }

  TokenId token(RequestId id, int32_t position) const {
    const SchedulerRequest& request = requests_.at(id);
    const auto prompt_len = static_cast<int32_t>(request.prompt.size());
    if (position < prompt_len) return request.prompt[static_cast<size_t>(position)];
    return drawn_token(request.sampling.seed, position - prompt_len);
  }

 private:
  std::map<RequestId, SchedulerRequest> requests_;
};

// Of one rank.
class SimulatedPages {
 public:
  SimulatedPages(const std::vector<KvGroupPool>& groups, int32_t page_size) : page_size_(page_size), groups_(groups) {
    for (const KvGroupPool& group : groups) {
      slots_.emplace_back(static_cast<size_t>(group.num_pages) * static_cast<size_t>(page_size));
    }
  }

  // Reads and writes as the sequence's attention would. False: what it reads is not its own.
  bool compute(const SequencePlan& sequence, const SimulatedRequests& requests) {
    const auto end = sequence.first_position + static_cast<int32_t>(sequence.new_tokens.size());
    uint64_t hash = 0;
    for (int32_t position = 0; position < end; ++position) {
      const TokenId token = requests.token(sequence.request, position);
      hash = (hash ^ static_cast<uint64_t>(token)) * 0x9e3779b97f4a7c15U;
      hash ^= hash >> 29U;
      for (size_t group = 0; group < groups_.size(); ++group) {
        if (!attend(sequence, group, position, token, hash)) return false;
      }
    }
    return true;
  }

  std::vector<uint64_t> copy_out(const std::vector<std::vector<PageId>>& pages) const {
    std::vector<uint64_t> copy;
    for (size_t group = 0; group < pages.size(); ++group) {
      for (const PageId page : pages[group]) {
        const auto first = slots_[group].begin() + page * page_size_;
        copy.insert(copy.end(), first, first + page_size_);
      }
    }
    return copy;
  }
  // None: what came is dropped.
  void copy_in(const std::vector<std::vector<PageId>>& pages, std::span<const uint64_t> from) {
    for (size_t group = 0; group < pages.size(); ++group) {
      for (const PageId page : pages[group]) {
        if (std::cmp_less(from.size(), page_size_)) return;
        std::copy_n(from.begin(), page_size_, slots_[group].begin() + page * page_size_);
        from = from.subspan(static_cast<size_t>(page_size_));
      }
    }
  }

 private:
  bool attend(const SequencePlan& sequence, size_t group, int32_t position, TokenId token, uint64_t hash) {
    const int32_t window = groups_[group].window;
    if (window > 0 && position <= sequence.first_position - window) return true;  // no new token sees it
    const auto& [first_page, pages] = sequence.page_tables[group];
    const PageId page = pages[static_cast<size_t>(position / page_size_ - first_page)];
    uint64_t& slot = slots_[group][static_cast<size_t>(page * page_size_ + position % page_size_)];
    if (position < sequence.first_position) return slot == hash;
    slot = hash;
    return sequence.new_tokens[static_cast<size_t>(position - sequence.first_position)] == token;
  }

  int32_t page_size_;
  std::vector<KvGroupPool> groups_;
  std::vector<std::vector<uint64_t>> slots_;  // by KV group
};

// What LocalKvPageTransfer is to the ranks' threads.
class SimulatedCourier {
 public:
  using Pages = std::vector<uint64_t>;
  using PartKey = std::pair<MoveId, int32_t>;  // of which rank of its group

  // `mixes_up`: a bug. Whoever takes gets what came first for its rank, of whichever move.
  explicit SimulatedCourier(bool mixes_up) : mixes_up_(mixes_up) {}

  void give(const PartKey& part, Pages pages) {
    parts_[part] = std::move(pages);
    const auto waiting = waiting_.extract(part);
    if (!waiting.empty()) waiting.mapped()();
  }
  std::optional<Pages> take(const PartKey& part) {
    auto found = parts_.find(part);
    if (mixes_up_) {
      found = parts_.begin();
      while (found != parts_.end() && found->first.second != part.second) ++found;
    }
    if (found == parts_.end()) return std::nullopt;
    return std::move(parts_.extract(found).mapped());
  }
  void when_given(const PartKey& part, std::function<void()> then) { waiting_[part] = std::move(then); }
  size_t num_parts() const { return parts_.size(); }

 private:
  const bool mixes_up_;
  std::map<PartKey, Pages> parts_;
  std::map<PartKey, std::function<void()>> waiting_;
};

}  // namespace braid
