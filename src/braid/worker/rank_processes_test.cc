// The ranks of one world in several processes, which are threads of the test here: the bits of the same layout in one
// process, whichever process has which ranks, and an end that every process hears of.
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "braid/hub/model_path.h"
#include "braid/parallel/host_memory.h"
#include "braid/parallel/process_join.h"
#include "braid/parallel/process_transport.h"
#include "braid/wire/transport/in_process_link.h"
#include "braid/worker/worker.h"
#include "tests/support/parallel/memory_port.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid {
namespace {

using testing::memory_ports;
using testing::on_each_rank;

class NoMasks final : public MaskSource {
  Result<TokenMask> wait_for(RequestId, int32_t, std::stop_token) override { return TokenMask(); }
};

// What the processes report, taken together.
class Outcomes final : public GroupListener {
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

  Outcomes outcomes;

 private:
  NoMasks masks_;
  InProcessLinks links_;
  Dispatcher dispatcher_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

RankOptions process_options(const ParallelLayout& layout) {
  return {.layout = layout,
          .threads_per_rank = 1,
          .chunked_prefill_size = 24,
          .max_running_requests = 8,
          .max_total_tokens = 2048};
}

SchedulerRequest varied_request(RequestId id) {
  SchedulerRequest request{.id = id, .arrival = id};
  for (uint64_t i = 0; i < 10 + 9 * id; ++i) request.prompt.push_back(static_cast<TokenId>((i * 37 + id) % 250));
  request.sampling.temperature = id % 2 == 0 ? 0.0F : 0.8F;
  request.sampling.seed = id;
  request.sampling.max_new_tokens = 12;
  request.sampling.logprobs = true;
  request.sampling.top_logprobs = 2;
  return request;
}

std::map<RequestId, std::vector<SampledToken>> tokens_of(const ParallelLayout& layout,
                                                         const std::vector<int32_t>& ranks_of_each,
                                                         Hosts hosts = Hosts::kMany) {
  Processes processes(process_options(layout), ranks_of_each, {}, "gguf_qwen3_moe", make_null_logger(), hosts);
  constexpr int32_t kNumRequests = 6;
  for (RequestId id = 1; id <= kNumRequests; ++id) {
    GroupCommand command{.group = static_cast<int32_t>(id) % layout.num_groups()};
    command.add.push_back(varied_request(id));
    processes.send(std::move(command));
  }
  return processes.outcomes.wait_for(kNumRequests);
}

TEST(RankProcesses, HaveTheBitsOfOneProcess) {
  const std::vector<std::pair<ParallelLayout, std::vector<std::vector<int32_t>>>> cases{
      {{.tp_size = 2}, {{1, 1}}},
      {{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}, {{1, 1}}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, {{2, 2}, {3, 1}, {1, 1, 1, 1}}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true, .moe_parallel = MoeParallel::kEp}, {{1, 3}}}};
  for (const auto& [layout, spreads] : cases) {
    const auto expected = tokens_of(layout, {layout.tp_size});
    EXPECT_EQ(expected.size(), 6U);
    for (const auto& spread : spreads) {
      EXPECT_EQ(tokens_of(layout, spread), expected) << "tp_size " << layout.tp_size << ", " << spread.size();
      EXPECT_EQ(tokens_of(layout, spread, Hosts::kOne), expected) << "tp_size " << layout.tp_size << ", one host";
    }
  }
}

// What six requests get, and how many of rank 0's steps were in halves, by the log and as groups have counted.
struct OfModel {
  std::map<RequestId, std::vector<SampledToken>> tokens;
  int64_t num_halved = 0;
  uint64_t num_counted = 0;
};

OfModel run_model(const std::string& model, const RankOptions& options, const std::vector<int32_t>& ranks_of_each,
                  Hosts hosts = Hosts::kMany) {
  std::ostringstream lines;
  const auto logger = std::make_shared<Logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
  logger->set_level(spdlog::level::debug);
  OfModel out;
  {
    Processes processes(options, ranks_of_each, {}, model, logger, hosts);
    constexpr int32_t kNumRequests = 6;
    for (RequestId id = 1; id <= kNumRequests; ++id) {
      GroupCommand command{.group = static_cast<int32_t>(id) % options.layout.num_groups()};
      command.add.push_back(varied_request(id));
      processes.send(std::move(command));
    }
    out.tokens = processes.outcomes.wait_for(kNumRequests);
    out.num_counted = processes.outcomes.num_halved();
  }
  const std::string text = lines.str();
  constexpr std::string_view kHalves = ", in halves";
  for (size_t at = 0; (at = text.find(kHalves, at)) != std::string::npos; at += kHalves.size()) ++out.num_halved;
  return out;
}

// All shapes of layers, windows among them; prompts are cut into chunks, and chunks into halves.
TEST(RankProcesses, HalvesHaveTheBitsOfWholeSteps) {
  const ParallelLayout two{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  ParallelLayout experts = two;
  experts.moe_parallel = MoeParallel::kEp;
  struct Case {
    std::string model;
    ParallelLayout layout;
    std::vector<int32_t> ranks_of_each;
  };
  const std::vector<Case> cases{{"gguf_qwen3", two, {1, 1}},         {"gguf_qwen3_moe", two, {1, 1}},
                                {"gguf_qwen3_moe", experts, {1, 1}}, {"gguf_gemma2", two, {1, 1}},
                                {"gguf_olmo2", two, {1, 1}},         {"gguf_phi3_window", two, {1, 1}}};
  for (const Case& one : cases) {
    RankOptions options = process_options(one.layout);
    const OfModel expected = run_model(one.model, options, {one.layout.tp_size});
    EXPECT_EQ(expected.num_halved, 0) << "nothing travels";
    options.overlap_halves = OverlapHalves::kOn;
    for (const auto mode : {DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact}) {
      options.dp_padding = DpPadding::fixed(mode);
      const Hosts hosts = mode == DpPaddingMode::kExact ? Hosts::kOne : Hosts::kMany;
      const OfModel halves = run_model(one.model, options, one.ranks_of_each, hosts);
      EXPECT_EQ(halves.tokens, expected.tokens) << one.model << " " << padding_mode_name(mode);
      if (mode == DpPaddingMode::kSumLen) {
        EXPECT_EQ(halves.num_halved, 0) << "its gather cannot overlap";
        EXPECT_EQ(halves.num_counted, 0U);
      } else {
        EXPECT_GT(halves.num_halved, 5) << one.model;
        EXPECT_EQ(halves.num_counted, static_cast<uint64_t>(halves.num_halved)) << one.model;
      }
    }
  }
}

// Of three requests, of which the first moves to the other group and back, again and again, while the others decode.
std::map<RequestId, std::vector<SampledToken>> tokens_with_moves(const ParallelLayout& layout,
                                                                 const std::vector<int32_t>& ranks_of_each,
                                                                 int32_t* num_moves, Hosts hosts = Hosts::kMany) {
  RankOptions options = process_options(layout);
  options.moves_requests = true;
  options.max_moved_pages = 2;
  Processes processes(options, ranks_of_each, {}, "gguf_qwen3_moe", make_null_logger(), hosts);
  for (RequestId id = 1; id <= 3; ++id) {
    GroupCommand command{.group = static_cast<int32_t>(id) % 2};
    command.add.push_back(varied_request(7 * id));
    command.add.back().sampling.max_new_tokens = 200;
    processes.send(std::move(command));
  }
  constexpr RequestId kRestless = 7;
  int32_t from = 1;
  for (MoveId move = 1; num_moves != nullptr; ++move) {
    processes.outcomes.wait_for_tokens(kRestless, std::min<size_t>(5 * move, 200));
    GroupCommand order{.group = from};
    order.depart.push_back({.request = kRestless, .move = {.id = move, .from_group = from, .to_group = 1 - from}});
    processes.send(std::move(order));
    auto moving = processes.outcomes.wait_for_departure(kRestless);
    if (!moving) break;
    from = 1 - from;
    GroupCommand arrival{.group = from};
    arrival.arrive.push_back(*std::move(moving));
    processes.send(std::move(arrival));
    ++*num_moves;
  }
  return processes.outcomes.wait_for(3);
}

TEST(RankProcesses, ARequestMovesBetweenThemWithTheSameBits) {
  const std::vector<std::pair<ParallelLayout, std::vector<std::vector<int32_t>>>> cases{
      {{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}, {{2}, {1, 1}}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, {{2, 2}, {3, 1}, {1, 1, 1, 1}}}};
  int32_t num_all_moves = 0;
  for (const auto& [layout, spreads] : cases) {
    const auto expected = tokens_with_moves(layout, {layout.tp_size}, nullptr);
    EXPECT_EQ(expected.at(7).size(), 200U);
    for (const auto& spread : spreads) {
      for (const Hosts hosts : {Hosts::kMany, Hosts::kOne}) {
        int32_t num_moves = 0;
        EXPECT_EQ(tokens_with_moves(layout, spread, &num_moves, hosts), expected) << spread.size();
        EXPECT_GE(num_moves, 1) << spread.size();
        num_all_moves += num_moves;
      }
    }
  }
  EXPECT_GT(num_all_moves, 5) << "out, and back where the machine lets this thread order it in time";
}

constexpr int32_t kNumInterrupted = 6;

SchedulerRequest interrupted_request(RequestId id) {
  SchedulerRequest request = varied_request(id);
  request.sampling.max_new_tokens = 60;
  return request;
}

// The requests go on in other processes, with the tokens that they had.
TEST(RankProcesses, TheNextStartComputesNothingAgain) {
  const std::vector<std::pair<ParallelLayout, std::vector<int32_t>>> cases{
      {{.tp_size = 1}, {1}},
      {{.tp_size = 2}, {1, 1}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, {1, 1, 1, 1}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, {3, 1}}};
  for (const auto& [layout, spread] : cases) {
    std::vector<std::string> names;
    for (int64_t rank = 0; rank < layout.tp_size; ++rank) {
      names.push_back(kept_memory_name(0, rank));
      names.push_back(kept_weights_name(0, rank));
    }
    const auto keeper =
        MemoryKeeper::make(std::filesystem::path(::testing::TempDir()) / ("ranks-" + std::to_string(getpid())), names);
    ASSERT_TRUE(keeper.ok()) << keeper.error().message;
    RankOptions options = process_options(layout);
    const auto group_of = [&](RequestId id) { return static_cast<int32_t>(id) % layout.num_groups(); };
    const auto begin = [&](Processes& processes) {
      for (RequestId id = 1; id <= kNumInterrupted; ++id) {
        GroupCommand command{.group = group_of(id)};
        command.add.push_back(interrupted_request(id));
        processes.send(std::move(command));
      }
    };
    Processes undisturbed(options, spread);
    begin(undisturbed);
    const auto expected = undisturbed.outcomes.wait_for(kNumInterrupted);

    options.kept = {.key = "these ranks", .folder = keeper->folder().string(), .world = 0};
    std::map<RequestId, std::vector<SampledToken>> had;
    {
      Processes first(options, spread);
      EXPECT_EQ(first.ranks(0).num_kept_tokens(), 0);
      begin(first);
      for (RequestId id = 1; id <= kNumInterrupted; ++id) first.outcomes.wait_for_tokens(id, 3 + id);
      first.end();
      had = first.outcomes.tokens();
    }
    std::ostringstream lines;
    Processes second(options, spread, {}, "gguf_qwen3_moe",
                     std::make_shared<Logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines)));
    uint64_t num_missing = 0;
    int32_t num_going_on = 0;
    for (RequestId id = 1; id <= kNumInterrupted; ++id) {
      GroupCommand command{.group = group_of(id)};
      MovingSequence moving{.move = {.id = id, .from_group = group_of(id), .to_group = group_of(id)},
                            .sequence = {.request = interrupted_request(id)}};
      for (const SampledToken& token : had[id]) moving.sequence.output.push_back(token.token);
      if (had[id].size() == expected.at(id).size()) continue;
      num_missing += expected.at(id).size() - had[id].size();
      ++num_going_on;
      command.arrive.push_back(std::move(moving));
      second.send(std::move(command));
    }
    EXPECT_GE(num_going_on, 1);
    for (auto& [id, tokens] : second.outcomes.wait_for(num_going_on)) {
      had[id].insert(had[id].end(), tokens.begin(), tokens.end());
    }
    EXPECT_EQ(had, expected);
    EXPECT_EQ(second.outcomes.num_step_tokens(), num_missing) << spread.size() << " processes";
    size_t num_taken_over = 0;  // by processes, of weights
    const std::string log = lines.str();
    for (size_t at = 0; (at = log.find("of weights taken over", at)) != std::string::npos; ++at) ++num_taken_over;
    EXPECT_EQ(num_taken_over, spread.size()) << log;
  }
}

TEST(RankProcesses, NothingIsTakenOverThatOneRankOfTheGroupLacks) {
  const ParallelLayout layout{.tp_size = 2};
  const auto folder = std::filesystem::path(::testing::TempDir()) / ("lacks-" + std::to_string(getpid()));
  RankOptions options = process_options(layout);
  options.kept = {.key = "these ranks", .folder = folder.string(), .world = 0};
  for (const bool lacks : {false, true}) {
    const auto keeper = MemoryKeeper::make(folder, std::vector{kept_memory_name(0, 0), kept_memory_name(0, 1)});
    ASSERT_TRUE(keeper.ok());
    for (const bool is_second : {false, true}) {
      if (is_second && lacks) {
        ASSERT_TRUE(KeptMemory::open(folder, kept_memory_name(0, 1), 0).value()->clear(0).ok());
      }
      Processes processes(options, {1, 1});
      EXPECT_EQ(processes.ranks(0).num_kept_tokens() > 0, is_second && !lacks);
      GroupCommand command;
      command.add.push_back(varied_request(1));
      processes.send(std::move(command));
      processes.outcomes.wait_for(1);
    }
  }
}

TEST(RankProcesses, PagesThatNobodyTookAreGoneWhenAllLeave) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  RankOptions options = process_options(layout);
  options.moves_requests = true;
  Processes processes(options, {1, 1});
  GroupCommand command;
  command.add.push_back(varied_request(7));
  command.add.back().sampling.max_new_tokens = 100;
  processes.send(std::move(command));
  processes.outcomes.wait_for_tokens(7, 3);
  GroupCommand order;
  order.depart.push_back({.request = 7, .move = {.id = 1, .from_group = 0, .to_group = 1}});
  processes.send(std::move(order));
  ASSERT_TRUE(processes.outcomes.wait_for_departure(7).has_value());
  processes.end();
  on_each_rank(2, [&](int32_t process) {
    const Status left = processes.leave(static_cast<size_t>(process));
    EXPECT_TRUE(left.ok()) << left.error().message;
  });
}

TEST(RankProcesses, HaveEqualPoolsAndTheirOwnShareOfTheWeights) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  const Processes one(process_options(layout), {4});
  const Processes three(process_options(layout), {2, 1, 1});
  int64_t weight_bytes = 0;
  for (size_t process = 0; process < 3; ++process) {
    EXPECT_EQ(three.ranks(process).scheduler_config().num_pages, one.ranks(0).scheduler_config().num_pages);
    weight_bytes += three.ranks(process).weight_bytes();
  }
  EXPECT_LT(three.ranks(1).weight_bytes(), one.ranks(0).weight_bytes() / 2);
  EXPECT_GE(weight_bytes, one.ranks(0).weight_bytes()) << "attention of equal heads is in every process";
  EXPECT_EQ(three.ranks(0).published_groups(0), std::vector<int32_t>{0});
  EXPECT_EQ(three.ranks(1).published_groups(0), std::vector<int32_t>{1});
  EXPECT_EQ(three.ranks(2).published_groups(0), std::vector<int32_t>{});
}

TEST(RankProcesses, HearOfAnEndAlsoWhileTheySleep) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  Processes processes(process_options(layout), {1, 1});
  processes.ranks(1).world(0)->abort("the machine is on fire");
  const auto failures = processes.outcomes.wait_for_failures(2);
  for (const std::string& failure : failures) {
    EXPECT_NE(failure.find("the machine is on fire"), std::string::npos) << failure;
  }
}

TEST(RankProcesses, AFailureOfOneRankEndsAllProcesses) {
  const ParallelLayout layout{.tp_size = 2};
  Processes processes(process_options(layout), {1, 1},
                      {.before_step = [](int32_t, int32_t tp_rank, const StepPlan& plan) {
                        if (tp_rank == 1 && plan.step == 3) throw std::runtime_error("the rank's memory is gone");
                      }});
  GroupCommand command;
  command.add.push_back(varied_request(1));
  processes.send(std::move(command));
  for (const std::string& failure : processes.outcomes.wait_for_failures(2)) {
    EXPECT_NE(failure.find("the rank's memory is gone"), std::string::npos) << failure;
  }
}

}  // namespace
}  // namespace braid
