#include "braid/bench/exchange/job_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/index_range.h"
#include "braid/base/timer_slack.h"
#include "braid/bench/exchange/padding_picks.h"
#include "braid/bench/timing.h"
#include "braid/formats/json.h"
#include "braid/parallel/host_memory.h"
#include "braid/parallel/mpi_module.h"
#include "braid/parallel/process_join.h"
#include "braid/parallel/process_world.h"

namespace braid {
namespace {

constexpr double kJobTimeout_s = 60;
constexpr int32_t kBenchTag = 3;
constexpr std::array<int64_t, 5> kSendBytes{8, 1024, 16 * 1024, 256 * 1024, 4 * 1024 * 1024};
constexpr std::array<int64_t, 3> kHandOverBytes{1024 * 1024, 16 * 1024 * 1024, 64 * 1024 * 1024};
constexpr int64_t kHandOverPart = 1024 * 1024;  // as a piece of a move
constexpr int32_t kRounds = 5;                  // of braid, MPI and memcpy in turn: other work may disturb any of them
constexpr int64_t kMostBytes = 64 << 20;        // of one size in a round, beyond the fewest repeats
constexpr int32_t kFewestRepeats = 3;

JoinOptions join_of(const ParallelLayout& layout, int32_t num_ranks) {
  return {.layout = layout, .num_ranks = num_ranks, .identity = "bench exchange", .timeout_s = kJobTimeout_s};
}

// What was timed of one size, in all rounds.
struct Timed {
  std::vector<double> world_seconds;
  std::vector<double> port_seconds;
  std::vector<double> copy_seconds;
};

// Several times in a row for each look at the clock: how far the processes are apart then does not matter.
void time_into(std::vector<double>& seconds, int32_t repeats, FunctionRef<void()> work) {
  constexpr int32_t kInARow = 8;
  work();  // warms up
  for (int32_t i = 0; i < repeats; i += kInARow) {
    const int32_t count = std::min(kInARow, repeats - i);
    const double taken_s = seconds_of([&] {
      for (int32_t j = 0; j < count; ++j) work();
    });
    seconds.push_back(taken_s / count);
  }
}

// In a round; fewer of long messages.
int32_t repeats_of(int32_t repeats, int64_t bytes) {
  const int32_t in_round = std::max(repeats / kRounds, 1);
  return static_cast<int32_t>(std::clamp<int64_t>(kMostBytes / bytes, std::min(in_round, kFewestRepeats), in_round));
}

// A process that does not come breaks the port.
void finish_requests(ProcessPort& port, std::span<const PortRequest> requests) {
  constexpr int64_t kTestsBetweenLooks = 1 << 16;  // at the clock
  const double until_s = monotonic_seconds() + kJobTimeout_s;
  int64_t num_tests = 0;
  for (const PortRequest request : requests) {
    while (!port.test(request) && port.error().empty()) {
      if (++num_tests % kTestsBetweenLooks == 0 && monotonic_seconds() > until_s) port.give_up();
    }
  }
}

// One send to every other process, and one receive from it. `requests` is room for them.
void exchange_over_port(ProcessPort& port, std::span<const std::byte> own, std::span<std::byte> all,
                        std::vector<PortRequest>& requests) {
  requests.clear();
  for (int32_t other = 0; other < port.num_processes(); ++other) {
    if (other == port.process()) continue;
    std::byte* const to = all.data() + own.size() * static_cast<size_t>(other);
    requests.push_back(port.receive(to, own.size(), other, kBenchTag));
    requests.push_back(port.send(own.data(), own.size(), other, kBenchTag));
  }
  finish_requests(port, requests);
}

// One send to the next process, and one receive from the one before.
void pass_on_over_port(ProcessPort& port, std::span<const std::byte> own, std::span<std::byte> from_before) {
  const int32_t count = port.num_processes();
  const std::array<PortRequest, 2> requests{
      port.receive(from_before.data(), from_before.size(), (port.process() + count - 1) % count, kBenchTag),
      port.send(own.data(), own.size(), (port.process() + 1) % count, kBenchTag)};
  finish_requests(port, requests);
}

// In parts, which lie where the other process sees them if it can. As MPI's, the bytes are there before, and in the end
// in memory of the taker's process: what it sees it copies. Then each has the other's leave to use the room again.
Status time_hand_overs(const ProcessWorld& world, int32_t process, int32_t num_processes, int32_t repeats,
                       std::span<Timed> timed) {
  HandOver& hand_over = *world.hand_over();
  const WorldCommunicator comm = world.world(process);
  const int32_t next = (process + 1) % num_processes;
  const int32_t before = (process + num_processes - 1) % num_processes;
  const bool is_seen = hand_over.is_seen_by(next);
  constexpr auto kLeave = std::chrono::milliseconds(4);
  TRY_STATUS(hand_over.set_room(HandOver::kMostRoom));
  std::vector<std::byte> taken(static_cast<size_t>(kHandOverBytes.back()));
  uint64_t item = 0;
  for (size_t size = 0; size < timed.size(); ++size) {
    for (int32_t repeat = -1; repeat < repeats_of(repeats, kHandOverBytes[size]); ++repeat) {
      std::vector<Buffer> parts;
      for (int64_t bytes = 0; bytes < kHandOverBytes[size]; bytes += kHandOverPart) {
        std::fill_n(parts.emplace_back(hand_over.room(next, kHandOverPart)).data(), kHandOverPart, std::byte{1});
      }
      TRY_STATUS(comm.barrier());
      const double start_s = monotonic_seconds();
      ++item;
      for (size_t i = 0; i < parts.size(); ++i) {
        const auto part = static_cast<int32_t>(i);
        hand_over.give({.from = process, .to = next, .item = item, .part = part}, std::move(parts[i]));
      }
      TRY_STATUS(hand_over.finish(process));
      for (size_t i = 0; i < parts.size(); ++i) {
        const auto part = static_cast<int32_t>(i);
        TRY(const Buffer data, hand_over.take({.from = before, .to = process, .item = item, .part = part}));
        if (is_seen) std::copy_n(data.data(), data.bytes(), taken.data() + static_cast<int64_t>(i) * kHandOverPart);
      }
      if (repeat >= 0) timed[size].world_seconds.push_back(monotonic_seconds() - start_s);  // the first warms up
      TRY_STATUS(comm.barrier());
      std::this_thread::sleep_for(kLeave);
    }
  }
  return {};
}

// all_gather() and hand-overs in a world with one rank in each process.
Status time_world(const std::shared_ptr<ProcessPort>& port, int32_t repeats, std::span<std::byte> all,
                  std::span<Timed> sends, std::span<Timed> hand_overs) {
  const ParallelLayout layout{.tp_size = port->num_processes()};
  TRY(const RankSpread spread, join_processes(*port, join_of(layout, 1)));
  TRY(auto memory, HostMemory::meet(*port, spread, layout.attn_tp_size(), kJobTimeout_s));
  ProcessWorld world(layout, spread, port, {}, std::move(memory));
  const WorldCommunicator comm = world.world(port->process());
  for (size_t i = 0; i < sends.size(); ++i) {
    const auto size = static_cast<size_t>(kSendBytes[i]);
    const std::span<std::byte> room = all.first(size * static_cast<size_t>(port->num_processes()));
    const std::span<std::byte> own = room.subspan(size * static_cast<size_t>(port->process()), size);
    Status status;
    time_into(sends[i].world_seconds, repeats_of(repeats, kSendBytes[i]), [&] { status = comm.all_gather(own, room); });
    TRY_STATUS(status);
  }
  TRY_STATUS(time_hand_overs(world, port->process(), port->num_processes(), repeats, hand_overs));
  return world.leave();
}

// The same by MPI alone, and by memcpy.
void time_port(ProcessPort& port, int32_t repeats, std::span<const std::byte> own, std::span<std::byte> all,
               std::span<Timed> sends, std::span<Timed> hand_overs) {
  std::vector<std::byte> copied(static_cast<size_t>(kSendBytes.back()) * static_cast<size_t>(port.num_processes()));
  std::vector<PortRequest> requests;
  for (size_t i = 0; i < sends.size(); ++i) {
    const auto size = static_cast<size_t>(kSendBytes[i]);
    const auto received =
        all.begin() + static_cast<std::ptrdiff_t>(size * static_cast<size_t>(port.num_processes() - 1));
    const int32_t count = repeats_of(repeats, kSendBytes[i]);
    time_into(sends[i].port_seconds, count, [&] { exchange_over_port(port, own.first(size), all, requests); });
    time_into(sends[i].copy_seconds, count, [&] { std::copy(all.begin(), received, copied.begin()); });
  }
  for (size_t i = 0; i < hand_overs.size(); ++i) {
    const auto size = static_cast<size_t>(kHandOverBytes[i]);
    time_into(hand_overs[i].port_seconds, repeats_of(repeats, kHandOverBytes[i]),
              [&] { pass_on_over_port(port, own.first(size), all.first(size)); });
  }
}

}  // namespace

Result<JobFigures> measure_job(std::shared_ptr<ProcessPort> port, int32_t repeats) {
  const auto most = static_cast<size_t>(std::max(kSendBytes.back(), kHandOverBytes.back()));
  const std::vector<std::byte> own(most, std::byte{1});
  std::vector<std::byte> all(most * static_cast<size_t>(port->num_processes()));
  std::array<Timed, kSendBytes.size()> sends;
  std::array<Timed, kHandOverBytes.size()> hand_overs;
  for (int32_t round = 0; round < kRounds; ++round) {
    TRY_STATUS(time_world(port, repeats, all, sends, hand_overs));
    time_port(*port, repeats, own, all, sends, hand_overs);
    if (!port->error().empty()) return fail("process {}: {}", port->process(), port->error());
  }
  JobFigures figures;
  for (size_t i = 0; i < sends.size(); ++i) {
    figures.sends.push_back({.bytes = kSendBytes[i],
                             .world_seconds = median(std::move(sends[i].world_seconds)),
                             .port_seconds = median(std::move(sends[i].port_seconds)),
                             .copy_seconds = median(std::move(sends[i].copy_seconds))});
  }
  for (size_t i = 0; i < hand_overs.size(); ++i) {
    figures.hand_overs.push_back({.bytes = kHandOverBytes[i],
                                  .seconds = median(std::move(hand_overs[i].world_seconds)),
                                  .port_seconds = median(std::move(hand_overs[i].port_seconds))});
  }
  return figures;
}

namespace {

// What measure(world) returns, in a world of the layout's ranks, shared out evenly over the processes.
template <typename Measure>
auto in_job_world(const ParallelLayout& layout, const std::shared_ptr<ProcessPort>& port, const WorldOptions& options,
                  const Measure& measure) -> decltype(measure(std::declval<const ProcessWorld&>())) {
  const IndexRange own = split_evenly(layout.tp_size, port->process(), port->num_processes());
  TRY(const RankSpread spread, join_processes(*port, join_of(layout, static_cast<int32_t>(own.end - own.begin))));
  TRY(auto memory, HostMemory::meet(*port, spread, layout.attn_tp_size(), kJobTimeout_s));
  ProcessWorld world(layout, spread, port, options, std::move(memory));
  TRY(auto measured, measure(world));
  TRY_STATUS(world.leave());
  return measured;
}

Json sends_json(const std::vector<JobSendFigures>& sends) {
  Json all = Json::array();
  for (const JobSendFigures& one : sends) {
    all.push_back({{"bytes", one.bytes},
                   {"world_seconds", one.world_seconds},
                   {"port_seconds", one.port_seconds},
                   {"copy_seconds", one.copy_seconds}});
  }
  return all;
}

Json hand_overs_json(const std::vector<HandOverFigures>& hand_overs) {
  Json all = Json::array();
  for (const HandOverFigures& one : hand_overs) {
    all.push_back({{"bytes", one.bytes}, {"seconds", one.seconds}, {"port_seconds", one.port_seconds}});
  }
  return all;
}

void print_hand_overs(const std::vector<HandOverFigures>& hand_overs, std::FILE* out) {
  fmt::print(out, "each hands over to the next in parts of 1 MiB, as pages of requests that move\n");
  fmt::print(out, "{:>8} {:>12} {:>10} {:>12} {:>10} {:>12}\n", "bytes", "hand-over us", "MPI us", "GB/s", "MPI GB/s",
             "of MPI's rate");
  for (const HandOverFigures& one : hand_overs) {
    const double gigabytes = static_cast<double>(one.bytes) * 1e-9;
    fmt::print(out, "{:>8} {:>12.1f} {:>10.1f} {:>12.2f} {:>10.2f} {:>11.0f} %\n", one.bytes, one.seconds * 1e6,
               one.port_seconds * 1e6, gigabytes / one.seconds, gigabytes / one.port_seconds,
               100 * one.port_seconds / one.seconds);
  }
}

void print_sends(int32_t num_processes, const std::vector<JobSendFigures>& sends, std::FILE* out) {
  fmt::print(out, "{} processes of one rank; each sends to every other at once: time, and bytes that it receives\n",
             num_processes);
  fmt::print(out, "{:>8} {:>12} {:>10} {:>10} {:>7} {:>16} {:>10} {:>12}\n", "bytes", "all_gather us", "MPI us",
             "memcpy us", "of MPI", "all_gather GB/s", "MPI GB/s", "memcpy GB/s");
  for (const JobSendFigures& one : sends) {
    const double gigabytes = static_cast<double>(one.bytes * (num_processes - 1)) * 1e-9;
    fmt::print(out, "{:>8} {:>12.1f} {:>10.1f} {:>10.2f} {:>6.2f}x {:>16.2f} {:>10.2f} {:>12.2f}\n", one.bytes,
               one.world_seconds * 1e6, one.port_seconds * 1e6, one.copy_seconds * 1e6,
               one.world_seconds / one.port_seconds, gigabytes / one.world_seconds, gigabytes / one.port_seconds,
               gigabytes / one.copy_seconds);
  }
}

}  // namespace

Status run_bench_job_exchange(const ExchangeBenchOptions& options, std::FILE* out) {
  TRY(const ParallelLayout layout, exchange_layout(options));
  wake_up_on_time();  // as ranks' threads do
  TRY(const std::shared_ptr<ProcessPort> port, open_mpi(mpi_module_path(), kJobTimeout_s));
  const int32_t num_processes = port->num_processes();
  if (num_processes < 2 || num_processes > layout.tp_size) {
    return fail("--transport mpi in {} process{}: start 2 to {} of them (--tp-size), as with mpirun -n 2",
                num_processes, num_processes == 1 ? "" : "es", layout.tp_size);
  }
  if (!options.token_sizes.empty()) {
    TRY(const auto picks, in_job_world(layout, port, {.timeout_s = kJobTimeout_s}, [&](const ProcessWorld& world) {
          return measure_padding_picks(options, layout, options.token_sizes, world);
        }));
    if (port->process() == 0) report_picks(options, picks, out);
    return {};
  }
  TRY(const JobFigures job, measure_job(port, options.repeats));
  TRY(const auto figures, in_job_world(layout, port, {}, [&](const ProcessWorld& world) {
        return measure_exchange_over(options, layout, world, nullptr);
      }));
  if (port->process() != 0) return {};
  if (options.json) {
    Json object = exchange_json(options, figures);
    object["processes"] = num_processes;
    object["sends"] = sends_json(job.sends);
    object["hand_overs"] = hand_overs_json(job.hand_overs);
    fmt::print(out, "{}\n", object.dump());
  } else {
    print_sends(num_processes, job.sends, out);
    fmt::print(out, "\n");
    print_hand_overs(job.hand_overs, out);
    fmt::print(out, "\n");
    print_exchange(options, figures, out);
  }
  return check_exchange(figures);
}

}  // namespace braid
