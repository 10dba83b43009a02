// A world whose ranks are in several processes, which are threads of the test, and what they report.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "braid/hub/model_path.h"
#include "braid/parallel/host_memory.h"
#include "braid/parallel/process_join.h"
#include "braid/parallel/process_transport.h"
#include "braid/wire/transport/in_process_link.h"
#include "braid/worker/worker.h"
#include "tests/support/parallel/memory_port.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid::testing {

class NoMasks final : public MaskSource {
  Result<TokenMask> wait_for(RequestId, int32_t, std::stop_token) override { return TokenMask(); }
};

// What the processes report, taken together.
class WorldOutcomes final : public GroupListener {
 public:
  void on_outputs(int32_t group, GroupOutputs outputs) override {
    const std::lock_guard lock(mutex_);
    for (const RequestOutcome& outcome : outputs.outcomes) {
      if (outcome.token) tokens_[outcome.request].push_back(*outcome.token);
      num_finished_ += outcome.finish != FinishReason::kNone ? 1 : 0;
    }
    num_halved_ = std::max(num_halved_, outputs.load.exchange.halved_steps);
    num_step_tokens_[group] = outputs.load.num_step_tokens;
    for (MovingSequence& moving : outputs.departed) departed_.push_back(std::move(moving));
    for (const RequestId id : outputs.stayed) stayed_.insert(id);
    changed_.notify_all();
  }
  void on_failure(int32_t, const std::string& reason, int32_t) override {
    const std::lock_guard lock(mutex_);
    failures_.push_back(reason);
    changed_.notify_all();
  }
  void on_restart(WorldRestart) override {}

  std::map<RequestId, std::vector<SampledToken>> wait_for(int32_t num_finished) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return num_finished_ == num_finished || !failures_.empty(); });
    EXPECT_TRUE(failures_.empty()) << failures_.front();
    return tokens_;
  }
  uint64_t num_halved() {  // steps, as the group with the most has counted
    const std::lock_guard lock(mutex_);
    return num_halved_;
  }
  uint64_t num_step_tokens() {  // that all groups have computed
    const std::lock_guard lock(mutex_);
    uint64_t total = 0;
    for (const auto& [group, count] : num_step_tokens_) total += count;
    return total;
  }
  std::map<RequestId, std::vector<SampledToken>> tokens() {
    const std::lock_guard lock(mutex_);
    return tokens_;
  }
  // Waits until the request has so many tokens.
  void wait_for_tokens(RequestId request, size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tokens_[request].size() >= count || !failures_.empty(); });
  }
  // Waits until the request has left its group; nothing if it had ended.
  std::optional<MovingSequence> wait_for_departure(RequestId request) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !departed_.empty() || stayed_.contains(request) || !failures_.empty(); });
    if (departed_.empty()) return std::nullopt;
    CHECK(departed_.size() == 1 && departed_[0].sequence.request.id == request);
    MovingSequence moving = std::move(departed_[0]);
    departed_.clear();
    return moving;
  }
  std::vector<std::string> wait_for_failures(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failures_.size() == count; });
    return failures_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int32_t, uint64_t> num_step_tokens_;  // by group
  std::map<RequestId, std::vector<SampledToken>> tokens_;
  int32_t num_finished_ = 0;
  uint64_t num_halved_ = 0;
  std::vector<MovingSequence> departed_;
  std::set<RequestId> stayed_;
  std::vector<std::string> failures_;
};

// How the processes' messages travel: through their port, as between hosts, or also through memory.
enum class Hosts { kMany, kOne };

// The worker of each process.
class Processes {
 public:
  Processes(const RankOptions& options, const std::vector<int32_t>& ranks_of_each, const WorkerOptions& worker = {},
            const std::string& model = "gguf_qwen3_moe", std::shared_ptr<Logger> logger = make_null_logger(),
            Hosts hosts = Hosts::kMany)
      : links_(make_in_process_links(options.layout.num_groups())),
        dispatcher_(*links_.controller, DispatchMode::kBroadcast, options.layout.num_groups()),
        workers_(ranks_of_each.size()) {
    const auto checkpoint = Checkpoint::open(
        {.kind = ResolvedModel::Kind::kGguf, .path = "tests/fixtures/models/" + model + "/model.gguf"});
    CHECK(checkpoint.ok(), "{}", checkpoint.error().message);
    const auto ports = memory_ports(static_cast<int32_t>(ranks_of_each.size()));
    on_each_rank(static_cast<int32_t>(ports.size()), [&](int32_t process) {
      const auto i = static_cast<size_t>(process);
      std::shared_ptr<const RankTransport> transport = std::make_shared<const SharedMemoryTransport>();
      if (ports.size() > 1) {
        const auto spread = join_processes(*ports[i], {.layout = options.layout, .num_ranks = ranks_of_each[i]});
        CHECK(spread.ok(), "{}", spread.error().message);
        std::shared_ptr<const HostMemory> memory;
        if (hosts == Hosts::kOne) {
          memory = HostMemory::meet(*ports[i], *spread, options.layout.attn_tp_size(), 60).value();
          CHECK(memory->trouble().empty(), "{}", memory->trouble());
        }
        transport = std::make_shared<const ProcessTransport>(ports[i], *spread, 60, memory);
      }
      auto placed = place_own_ranks(options, transport);
      CHECK(placed.ok(), "{}", placed.error().message);
      auto ranks = RankSet::load(*checkpoint, options, std::move(placed).value(), logger, {});
      CHECK(ranks.ok(), "{}", ranks.error().message);
      workers_[i] = std::make_unique<Worker>(std::move(ranks).value());
    });
    for (const auto& process : workers_) {
      std::vector<std::unique_ptr<PublisherLink>> links;
      for (const int32_t group : process->ranks().published_groups(0)) {
        links.push_back(std::move(links_.publishers[static_cast<size_t>(group)]));
      }
      process->start(std::move(links), outcomes, masks_, worker);
    }
  }
  ~Processes() { end(); }

  void end() {
    on_each_rank(static_cast<int32_t>(workers_.size()),
                 [&](int32_t process) { workers_[static_cast<size_t>(process)]->stop(); });
  }

  void send(GroupCommand command) {
    std::vector<GroupCommand> map;
    map.push_back(std::move(command));
    CHECK(dispatcher_.send(std::move(map)).ok());
    for (const auto& process : workers_) process->wake(0);
  }

  Status leave(size_t process) { return workers_[process]->ranks().leave_worlds(); }
  const RankSet& ranks(size_t process) const { return workers_[process]->ranks(); }

  WorldOutcomes outcomes;

 private:
  NoMasks masks_;
  InProcessLinks links_;
  Dispatcher dispatcher_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

inline RankOptions process_options(const ParallelLayout& layout) {
  return {.layout = layout,
          .threads_per_rank = 1,
          .chunked_prefill_size = 24,
          .max_running_requests = 8,
          .max_total_tokens = 2048};
}

inline SchedulerRequest varied_request(RequestId id) {
  SchedulerRequest request{.id = id, .arrival = id};
  for (uint64_t i = 0; i < 10 + 9 * id; ++i) request.prompt.push_back(static_cast<TokenId>((i * 37 + id) % 250));
  request.sampling.temperature = id % 2 == 0 ? 0.0F : 0.8F;
  request.sampling.seed = id;
  request.sampling.max_new_tokens = 12;
  request.sampling.logprobs = true;
  request.sampling.top_logprobs = 2;
  return request;
}

}  // namespace braid::testing
