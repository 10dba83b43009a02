// For tests: a DP group as the controller sees it: the real publisher, with the fake model in place of its ranks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/worker/group_publisher.h"
#include "tests/support/scheduler/fake_model.h"

namespace braid {

// Carries the pages of sequences that move between fake groups, as KvPageTransfer does between ranks.
class FakePageTransfer {
 public:
  void give(const MovedPages& piece, std::vector<uint64_t> pages) {
    CHECK(parts_.emplace(std::pair(piece.move.id, piece.piece), std::move(pages)).second);
  }
  std::vector<uint64_t> take(const MovedPages& piece) {
    const std::pair key(piece.move.id, piece.piece);
    CHECK(parts_.contains(key), "piece {} of move {} was never given", piece.piece, piece.move.id);
    return std::move(parts_.extract(key).mapped());
  }
  size_t num_parts() const { return parts_.size(); }  // given and not yet taken

 private:
  std::map<std::pair<MoveId, int32_t>, std::vector<uint64_t>> parts_;
};

class FakeGroup {
 public:
  explicit FakeGroup(const SchedulerConfig& config, FakePageTransfer* transfer = nullptr)
      : publisher_(config), model_(config, kVisibleTokens), transfer_(transfer) {}

  void take(std::vector<GroupCommand> commands) {
    for (const GroupCommand& command : commands) {
      for (const SchedulerRequest& request : command.add) requests_.add(request);
      for (const MovingSequence& moving : command.arrive) requests_.add(moving.sequence.request);
    }
    publisher_.take(std::move(commands));
  }

  // Runs the next step and returns its outputs; without a step, reports what was taken; nothing if there is neither.
  std::optional<GroupOutputs> advance() {
    const auto plan = publisher_.plan();
    if (plan == nullptr) return publisher_.report();
    for (const MovedPages& moved : plan->leaving) transfer_->give(moved, model_.copy_out(moved.pages));
    for (const MovedPages& moved : plan->arriving) model_.copy_in(moved.pages, transfer_->take(moved));
    std::map<RequestId, std::vector<TokenId>> tokens;
    for (const SequencePlan& part : plan->sequences) tokens[part.request] = requests_.tokens_for(part);
    const auto tokens_of = [&](RequestId id) -> const std::vector<TokenId>& { return tokens.at(id); };
    return publisher_.commit(model_.run(*plan, tokens_of), 0.0);
  }

  GroupLoad load() const { return publisher_.load(); }

 private:
  GroupPublisher publisher_;
  FakeModel model_;
  FakeRequests requests_;
  FakePageTransfer* transfer_;  // for groups between which sequences move
};

}  // namespace braid
