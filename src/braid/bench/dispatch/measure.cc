#include "braid/bench/dispatch/measure.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "braid/bench/dispatch/rank_loops.h"

namespace braid::dispatch {
namespace {

constexpr double kAnswerPatience = 60;  // seconds

struct MapUnderWay {
  int64_t start_ns = 0;
  int64_t last_ns = 0;
  int32_t num_missing = 0;  // answers that have not come yet
};

// What one group still has to answer, in order.
struct Awaited {
  uint64_t number = 0;
  size_t map = 0;
};

double quantile_us(std::vector<int64_t>& sorted_ns, double share) {
  const auto at = static_cast<size_t>(share * static_cast<double>(sorted_ns.size() - 1) + 0.5);
  return static_cast<double>(sorted_ns[at]) / 1e3;
}

}  // namespace

std::vector<GroupCommand> Controller::make_commands(const Load& load, int32_t map) {
  std::vector<GroupCommand> commands;
  const int32_t num_concerned = std::min(load.batch, num_groups_);
  const int32_t first = load.batch < num_groups_ ? (map * load.batch) % num_groups_ : 0;
  for (int32_t i = 0; i < num_concerned; ++i) {
    GroupCommand& command = commands.emplace_back();
    command.group = (first + i) % num_groups_;
    const int32_t count = load.batch / num_concerned + (i < load.batch % num_concerned ? 1 : 0);
    for (int32_t j = 0; j < count; ++j) {
      SchedulerRequest& request = command.add.emplace_back();
      request.id = next_request_++;
      request.arrival = request.id;
      request.prompt = prompt_;
    }
  }
  std::ranges::sort(commands, {}, &GroupCommand::group);
  return commands;
}

Result<Figures> Controller::measure(const Load& load) {
  prompt_.resize(static_cast<size_t>(load.prompt_len));
  for (size_t i = 0; i < prompt_.size(); ++i) prompt_[i] = static_cast<TokenId>(i * 7919 % size_t{kVocabSize});
  std::vector<MapUnderWay> maps(static_cast<size_t>(load.num_maps));
  std::vector<std::deque<Awaited>> awaited(static_cast<size_t>(num_groups_));
  const int64_t bytes_before = dispatcher_.num_bytes();
  const int64_t sent_before = dispatcher_.num_sent_bytes();
  size_t num_sent = 0;
  size_t num_done = 0;
  // Requests are made before the clock starts, as a real controller gets them ready-made from its front.
  std::vector<GroupCommand> next = make_commands(load, 0);
  const int64_t start_ns = now_ns();
  while (num_done < maps.size()) {
    if (num_sent < maps.size() && num_sent - num_done < static_cast<size_t>(load.window)) {
      MapUnderWay& map = maps[num_sent];
      std::vector<int32_t> groups;
      for (const GroupCommand& command : next) groups.push_back(command.group);
      map.num_missing = static_cast<int32_t>(groups.size());
      map.start_ns = now_ns();
      TRY_STATUS(dispatcher_.send(std::move(next)));
      for (const int32_t group : groups) {
        awaited[static_cast<size_t>(group)].push_back({.number = dispatcher_.last_map(group), .map = num_sent});
      }
      ++num_sent;
      next.clear();
      if (num_sent < maps.size()) next = make_commands(load, static_cast<int32_t>(num_sent));
      continue;
    }
    TRY(const auto event, link_.receive(kAnswerPatience));
    if (!event)
      return fail("{} of {} maps were not answered within {} s", maps.size() - num_done, maps.size(), kAnswerPatience);
    if (event->kind == LinkEvent::Kind::kLeft) return fail("the publisher of group {} is gone", event->group);
    if (event->kind == LinkEvent::Kind::kGarbage) return fail("{}", event->reason);
    if (event->kind == LinkEvent::Kind::kJoined) continue;
    TRY(const RankAnswer answer, decode_answer(event->bytes.span()));
    auto& queue = awaited[static_cast<size_t>(event->group)];
    if (queue.empty() || queue.front().number != answer.number) {
      return fail("group {} answers map {}, which is not its next", event->group, answer.number);
    }
    MapUnderWay& map = maps[queue.front().map];
    queue.pop_front();
    map.last_ns = std::max(map.last_ns, answer.read_ns);
    if (--map.num_missing == 0) ++num_done;
  }
  const double seconds = static_cast<double>(now_ns() - start_ns) / 1e9;

  std::vector<int64_t> latencies;
  for (const MapUnderWay& map : maps) latencies.push_back(map.last_ns - map.start_ns);
  std::ranges::sort(latencies);
  const double num_requests = static_cast<double>(load.num_maps) * load.batch;
  return Figures{
      .requests_per_s = num_requests / seconds,
      .p50_us = quantile_us(latencies, 0.5),
      .p99_us = quantile_us(latencies, 0.99),
      .bytes_per_request = static_cast<double>(dispatcher_.num_bytes() - bytes_before) / num_requests,
      .sent_bytes_per_request = static_cast<double>(dispatcher_.num_sent_bytes() - sent_before) / num_requests};
}

Status Controller::stop_ranks() {
  std::vector<GroupCommand> commands;
  for (int32_t group = 0; group < num_groups_; ++group) commands.push_back(stop_command(group));
  return dispatcher_.send(std::move(commands));
}

}  // namespace braid::dispatch
