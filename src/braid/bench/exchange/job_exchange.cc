#include "braid/bench/exchange/job_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/index_range.h"
#include "braid/bench/exchange/padding_picks.h"
#include "braid/bench/timing.h"
#include "braid/formats/json.h"
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

JoinOptions join_of(const ParallelLayout& layout, int32_t num_ranks) {
  return {.layout = layout, .num_ranks = num_ranks, .identity = "bench exchange", .timeout_s = kJobTimeout_s};
}

double median_of(int32_t repeats, FunctionRef<void()> work) {
  work();  // warms up
  std::vector<double> seconds;
  for (int32_t i = 0; i < repeats; ++i) seconds.push_back(seconds_of(work));
  return median(std::move(seconds));
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

// One send to every other process, and one receive from it.
void exchange_over_port(ProcessPort& port, std::span<const std::byte> own, std::span<std::byte> all) {
  std::vector<PortRequest> requests;
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

// In parts; those that are taken are given next.
Status time_hand_overs(const ProcessWorld& world, int32_t process, int32_t num_processes, int32_t repeats,
                       std::vector<HandOverFigures>& figures) {
  HandOver& hand_over = *world.hand_over();
  const WorldCommunicator comm = world.world(process);
  const int32_t next = (process + 1) % num_processes;
  const int32_t before = (process + num_processes - 1) % num_processes;
  uint64_t item = 0;
  for (HandOverFigures& one : figures) {
    std::vector<Buffer> parts;
    for (int64_t bytes = 0; bytes < one.bytes; bytes += kHandOverPart) {
      std::fill_n(parts.emplace_back(kHandOverPart).data(), kHandOverPart, std::byte{1});
    }
    std::vector<double> seconds;
    for (int32_t repeat = -1; repeat < repeats; ++repeat) {
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
        TRY(parts[i], hand_over.take({.from = before, .to = process, .item = item, .part = part}));
      }
      if (repeat >= 0) seconds.push_back(monotonic_seconds() - start_s);  // the first warms up
    }
    one.seconds = median(std::move(seconds));
  }
  return {};
}

// all_gather() in a world with one rank in each process.
Status time_world(const std::shared_ptr<ProcessPort>& port, int32_t repeats, std::span<std::byte> all,
                  JobFigures& figures) {
  const ParallelLayout layout{.tp_size = port->num_processes()};
  TRY(const RankSpread spread, join_processes(*port, join_of(layout, 1)));
  ProcessWorld world(layout, spread, port);
  const WorldCommunicator comm = world.world(port->process());
  for (JobSendFigures& one : figures.sends) {
    const auto size = static_cast<size_t>(one.bytes);
    const std::span<std::byte> room = all.first(size * static_cast<size_t>(port->num_processes()));
    const std::span<std::byte> own = room.subspan(size * static_cast<size_t>(port->process()), size);
    Status status;
    one.world_seconds = median_of(repeats, [&] { status = comm.all_gather(own, room); });
    TRY_STATUS(status);
  }
  TRY_STATUS(time_hand_overs(world, port->process(), port->num_processes(), repeats, figures.hand_overs));
  return world.leave();
}

}  // namespace

Result<JobFigures> measure_job(std::shared_ptr<ProcessPort> port, int32_t repeats) {
  const auto num_processes = static_cast<size_t>(port->num_processes());
  const auto most = static_cast<size_t>(std::max(kSendBytes.back(), kHandOverBytes.back()));
  const std::vector<std::byte> own(most, std::byte{1});
  std::vector<std::byte> all(most * num_processes);
  std::vector<std::byte> copied(most * num_processes);
  JobFigures figures;
  for (const int64_t bytes : kSendBytes) figures.sends.push_back({.bytes = bytes});
  for (const int64_t bytes : kHandOverBytes) figures.hand_overs.push_back({.bytes = bytes});
  TRY_STATUS(time_world(port, repeats, all, figures));
  for (JobSendFigures& one : figures.sends) {
    const auto size = static_cast<size_t>(one.bytes);
    const auto received = all.begin() + static_cast<std::ptrdiff_t>(size * (num_processes - 1));
    one.port_seconds = median_of(repeats, [&] { exchange_over_port(*port, std::span(own).first(size), all); });
    one.copy_seconds = median_of(repeats, [&] { std::copy(all.begin(), received, copied.begin()); });
  }
  for (HandOverFigures& one : figures.hand_overs) {
    const auto size = static_cast<size_t>(one.bytes);
    one.port_seconds =
        median_of(repeats, [&] { pass_on_over_port(*port, std::span(own).first(size), std::span(all).first(size)); });
  }
  if (!port->error().empty()) return fail("process {}: {}", port->process(), port->error());
  return figures;
}

namespace {

// What measure(world) returns, in a world of the layout's ranks, shared out evenly over the processes.
template <typename Measure>
auto in_job_world(const ParallelLayout& layout, const std::shared_ptr<ProcessPort>& port, const WorldOptions& options,
                  const Measure& measure) -> decltype(measure(std::declval<const ProcessWorld&>())) {
  const IndexRange own = split_evenly(layout.tp_size, port->process(), port->num_processes());
  TRY(const RankSpread spread, join_processes(*port, join_of(layout, static_cast<int32_t>(own.end - own.begin))));
  ProcessWorld world(layout, spread, port, options);
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
