#include "braid/node/remote_worlds.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/clock.h"
#include "braid/wire/process_message_codec.h"

namespace braid {
namespace {

constexpr size_t kMaxBacklog = kGroupLinks.max_queued;  // maps

}  // namespace

RemoteWorlds::RemoteWorlds(RemoteWorldsOptions options, std::shared_ptr<Logger> logger)
    : options_(std::move(options)),
      logger_(std::move(logger)),
      worlds_(options_.processes.size()),
      nodes_(static_cast<size_t>(options_.num_nodes)) {
  isa_ = options_.isa;
  const std::vector<int32_t>& ranks_on_node = options_.elastic.ranks_on_node;
  if (!ranks_on_node.empty()) {
    std::vector<bool> has_ranks;
    for (const int32_t ranks : ranks_on_node) has_ranks.push_back(ranks > 0);
    elastic_.emplace(std::move(has_ranks), options_.elastic.after_s);
  }
  for (size_t index = 0; index < worlds_.size(); ++index) {
    World& world = worlds_[index];
    world.places = options_.processes[index];
    world.start.last_maps.assign(static_cast<size_t>(options_.groups_per_world), 0);
    world.since_s = monotonic_seconds();
  }
}

Result<std::unique_ptr<RemoteWorlds>> RemoteWorlds::launch(RemoteWorldsOptions options,
                                                           std::shared_ptr<Logger> logger) {
  auto worlds = std::unique_ptr<RemoteWorlds>(new RemoteWorlds(std::move(options), std::move(logger)));
  {
    const std::lock_guard lock(worlds->mutex_);  // nobody is answered before the link is known
    TRY(worlds->link_, FrontLink::listen(worlds->options_.link, *worlds));
  }
  worlds->keeper_ = std::thread([own = worlds.get()] { own->keep(); });
  return worlds;
}

std::vector<ExchangeCosts> RemoteWorlds::exchange_costs() const {
  const std::lock_guard lock(mutex_);
  std::vector<ExchangeCosts> costs;
  for (const World& world : worlds_) costs.push_back(world.start.exchange_costs);
  return costs;
}

ImageCounts RemoteWorlds::image_counts() const {
  const std::lock_guard lock(mutex_);
  ImageCounts counts;
  for (const World& world : worlds_) {
    for (const Process& process : world.processes) counts += process.images;
  }
  return counts;
}

Result<ProcessReady> RemoteWorlds::wait_until_ready() {
  std::unique_lock lock(mutex_);
  const auto all_run = [&] {
    return std::ranges::all_of(worlds_, [](const World& world) { return world.state == State::kRuns; });
  };
  changed_.wait(lock, [&] { return !first_failure_.empty() || all_run(); });
  if (!first_failure_.empty()) return Error{first_failure_};
  return *worlds_.front().processes.front().ready;
}

void RemoteWorlds::connect(GroupListener& listener, MaskFinder& masks) {
  const std::lock_guard lock(mutex_);
  listener_ = &listener;
  masks_ = &masks;
  for (int32_t world = 0; world < std::ssize(worlds_); ++world) {  // since wait_until_ready()
    if (worlds_[static_cast<size_t>(world)].state != State::kEnded) continue;
    news_.push_back({.world = world, .restart = {}, .failure = first_failure_, .num_restarts = 0});
  }
}

void RemoteWorlds::stop() {
  if (!keeper_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    for (int32_t world = 0; world < std::ssize(worlds_); ++world) {
      for (const Process& process : worlds_[static_cast<size_t>(world)].processes) {
        tell(process.peer, ProcessStop{});
      }
    }
  }
  changed_.notify_all();
  if (options_.standby.journal != nullptr) options_.standby.journal->disconnect_standby();
  wake_keeper_.wake();
  keeper_.join();
  link_->close();  // its thread calls this object, and may answer
}

Progress RemoteWorlds::progress(int32_t group) const {
  const std::lock_guard lock(mutex_);
  Progress sum;
  for (const Process& process : worlds_[static_cast<size_t>(group / options_.groups_per_world)].processes) {
    sum += process.progress;
  }
  return sum;
}

void RemoteWorlds::restart(int32_t first_group, WorldStart start) {
  {
    const std::lock_guard lock(mutex_);
    World& world = worlds_[static_cast<size_t>(first_group / options_.groups_per_world)];
    world.start.last_maps = std::move(start.last_maps);
    world.num_restarts = start.num_restarts;
    world.must_launch = true;
  }
  wake_keeper_.wake();
}

RemoteWorlds::World* RemoteWorlds::world_of(const PeerId& peer, int32_t* index, Process** process) {
  const auto found = worlds_by_peer_.find(peer);
  if (found == worlds_by_peer_.end()) return nullptr;
  World& world = worlds_[static_cast<size_t>(found->second)];
  if (index != nullptr) *index = found->second;
  for (Process& own : world.processes) {
    if (process != nullptr && own.peer == peer) *process = &own;
  }
  return &world;
}

void RemoteWorlds::on_message(const PeerId& peer, LinkMessageKind kind, SharedBytes body) {
  const double now_s = monotonic_seconds();
  if (kind == LinkMessageKind::kOutputs) {
    take_outputs(peer, body);
    return;
  }
  auto message = decode_process_message(body.span());
  if (kind != LinkMessageKind::kMessage || !message.ok()) {
    on_garbage(message.ok() ? "a process sent a map" : message.error().message);
    return;
  }
  if (const auto* wanted = std::get_if<MaskWanted>(&*message)) {
    answer_mask(peer, *wanted);
  } else {
    take_message(peer, std::move(message).value(), now_s);
  }
}

void RemoteWorlds::take_outputs(const PeerId& peer, const SharedBytes& body) {
  auto outputs = decode_group_outputs(body.span(), options_.outputs);
  GroupListener* listener = nullptr;
  {
    const std::lock_guard lock(mutex_);
    int32_t index = 0;
    const World* const world = world_of(peer, &index);
    if (world == nullptr || world->state != State::kRuns) return;  // of processes that are given up
    if (!outputs.ok()) {
      end_world(index, fmt::format("the outputs of a group: {}", outputs.error().message));
    } else if (outputs->group / options_.groups_per_world != index) {
      end_world(index, fmt::format("outputs of group {}, which is in another world", outputs->group));
    } else {
      listener = listener_;
    }
  }
  if (listener != nullptr) listener->on_outputs(outputs->group, std::move(outputs).value());
}

void RemoteWorlds::take_message(const PeerId& peer, ProcessMessage message, double now_s) {
  const std::lock_guard lock(mutex_);
  if (take_of_node(peer, message)) return;
  if (const auto* hello = std::get_if<ProcessHello>(&message)) {
    welcome(peer, *hello);
    return;
  }
  int32_t index = 0;
  Process* process = nullptr;
  World* const world = world_of(peer, &index, &process);
  bool is_node = std::ranges::any_of(waiting_nodes_, [&](const Node& node) { return node.peer == peer; });
  for (Node& node : nodes_) {
    if (node.peer != peer) continue;
    node.heard_s = now_s;
    is_node = true;
  }
  if (world == nullptr || process == nullptr) {
    if (!is_node) tell(peer, ProcessNews{});  // of a node that was missed too long: it says hello again
    return;
  }
  process->heard_s = now_s;
  if (std::holds_alternative<ProcessNews>(message)) {
    for (const Process& each : world->processes) tell(each.peer, ProcessNews{});
  } else if (auto* ready = std::get_if<ProcessReady>(&message)) {
    process->ready = std::move(*ready);
    begin_if_ready(index);
  } else if (const auto* failure = std::get_if<ProcessFailure>(&message)) {
    const std::string reason = failure->reason.empty() ? "a process has failed" : failure->reason;
    const bool names_host = elastic_ && world->state == State::kStarting;  // the places are ours to choose
    end_world(index, names_host ? fmt::format("on {}: {}", process->hello.host, reason) : reason);
  } else if (auto* beat = std::get_if<ProcessProgress>(&message)) {
    process->progress = beat->progress;
    process->counts = std::move(beat->ranks);
    process->images = beat->images;
  } else if (auto* part = std::get_if<ProfilePart>(&message); part != nullptr && profile_) {
    profile_->take(peer, std::move(*part), now_s);
    advance_profile();
  } else if (const auto* answer = std::get_if<ClockAnswer>(&message); answer != nullptr && profile_) {
    profile_->take(peer, *answer, now_s);
    advance_profile();
  } else if (auto* checked = std::get_if<WeightsChecked>(&message)) {
    take_weights(*process, std::move(*checked));
  }
}

void RemoteWorlds::tell(const PeerId& peer, const ProcessMessage& message) {
  link_->send(peer, LinkMessageKind::kMessage, encode(message));
}

void RemoteWorlds::answer_mask(const PeerId& peer, const MaskWanted& wanted) {
  MaskFinder* masks = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (world_of(peer) != nullptr) masks = masks_;
  }
  if (masks == nullptr) return;
  masks->when_found(wanted.request, wanted.position, [this, peer, wanted](const Result<TokenMask>& mask) {
    MaskAnswer answer{.request = wanted.request, .position = wanted.position};
    if (!mask.ok()) {
      answer.error = mask.error().message;
    } else if (*mask != nullptr) {
      answer.words = **mask;
    }
    link_->send(peer, LinkMessageKind::kMessage, encode(ProcessMessage(std::move(answer))));
  });
}

// A process that is not awaited is told to end.
void RemoteWorlds::welcome(const PeerId& peer, const ProcessHello& hello) {
  const bool is_known = hello.world >= 0 && hello.world < std::ssize(worlds_);
  World* const world = is_known ? &worlds_[static_cast<size_t>(hello.world)] : nullptr;
  const bool is_of_this_start =
      !options_.command || (world != nullptr && !world->must_launch && hello.num_restarts == world->num_launches - 1);
  const bool is_awaited = world != nullptr && world->state == State::kStarting && is_of_this_start &&
                          hello.num_processes == num_processes(hello.world) &&
                          std::ranges::none_of(world->processes, [&](const Process& other) {
                            return other.hello.process == hello.process;
                          });
  if (!is_awaited) {
    logger_->warn("process {} of world {} on {} is not awaited: it is told to end", hello.process, hello.world,
                  hello.host);
    link_->send(peer, LinkMessageKind::kMessage, encode(ProcessMessage(ProcessStop{})));
    return;
  }
  logger_->debug("process {} of world {}: pid {} on {}", hello.process, hello.world, hello.pid, hello.host);
  worlds_by_peer_[peer] = hello.world;
  world->processes.push_back({.peer = peer,
                              .hello = hello,
                              .ready = {},
                              .progress = {},
                              .counts = {},
                              .images = {},
                              .heard_s = monotonic_seconds()});
  link_->send(peer, LinkMessageKind::kMessage, encode(ProcessMessage(world->start)));
}

void RemoteWorlds::begin_if_ready(int32_t index) {
  World& world = worlds_[static_cast<size_t>(index)];
  if (world.state != State::kStarting || std::ssize(world.processes) != num_processes(index)) return;
  if (!std::ranges::all_of(world.processes, [](const Process& process) { return process.ready.has_value(); })) return;
  if (const Status kept = keep_bits(world); !kept.ok()) {
    end_world(index, kept.error().message);
    return;
  }
  world.state = State::kRuns;
  world.since_s = monotonic_seconds();
  world.start.exchange_costs = world.processes.front().ready->exchange_costs;
  world.measured_places = world.places;
  add_to_profile(index);  // before the first map
  for (const Message& message : std::exchange(world.backlog, {})) deliver(world, message);
  if (listener_ != nullptr) {
    news_.push_back({.world = index,
                     .restart = WorldRestart{.group = index * options_.groups_per_world,
                                             .capacity = capacity(world),
                                             .keeps_pages = keeps_pages(world)},
                     .num_restarts = world.num_restarts});
    wake_keeper_.wake();
  }
  changed_.notify_all();
}

bool RemoteWorlds::keeps_pages(const World& world) const {
  return std::ranges::any_of(world.processes,
                             [](const Process& process) { return process.ready->num_kept_tokens > 0; });
}

void RemoteWorlds::end_world(int32_t index, const std::string& reason, bool is_planned) {
  World& world = worlds_[static_cast<size_t>(index)];
  if (world.state == State::kEnded || is_stopping_) return;
  const bool was_running = world.state == State::kRuns;
  if (!was_running && (is_planned || tries_again_by_itself(reason))) {
    lose_from_profile(world, reason);
    start_again(world);
    return;
  }
  world.state = State::kEnded;
  world.since_s = monotonic_seconds();
  world.backlog.clear();
  lose_from_profile(world, reason);
  lose_from_weights(world, reason);
  if (listener_ == nullptr) {
    if (first_failure_.empty()) first_failure_ = reason;
    changed_.notify_all();
  } else if (was_running) {
    news_.push_back({.world = index,
                     .restart = {},
                     .failure = reason,
                     .is_planned = is_planned,
                     .num_restarts = world.num_restarts});
  } else {
    news_.push_back({.world = index,
                     .restart = WorldRestart{.group = index * options_.groups_per_world,
                                             .outcome = WorldRestart::Outcome::kFailed,
                                             .error = reason},
                     .num_restarts = world.num_restarts});
  }
  wake_keeper_.wake();
}

// Nobody is told: for the controller it is still starting. What it has sent for the processes waits for the next ones.
void RemoteWorlds::start_again(World& world) {
  for (const Process& process : world.processes) worlds_by_peer_.erase(process.peer);
  world.processes.clear();
  world.must_launch = true;
  world.next_complaint_s = 0;
  wake_keeper_.wake();
}

void RemoteWorlds::send_to_world(int32_t index, const Message& message) {
  World& world = worlds_[static_cast<size_t>(index)];
  if (world.state == State::kRuns) {
    deliver(world, message);
  } else if (world.backlog.size() < kMaxBacklog) {
    world.backlog.push_back(message);
  } else {
    end_world(index, fmt::format("its processes are not ready, and {} maps wait for them", kMaxBacklog));
  }
}

// Every process of the world is told of every map, so that all count the same (Parking).
void RemoteWorlds::deliver(World& world, const Message& message) {
  const int32_t receiver = message.group ? process_of_group(world, *message.group) : -1;
  for (const Process& process : world.processes) {
    if (receiver < 0 || process.hello.process == receiver) {
      link_->send(process.peer, message.kind, message.body);
    } else {
      link_->send(process.peer, LinkMessageKind::kMessage, encode(ProcessMessage(ProcessNews{})));
    }
  }
}

int32_t RemoteWorlds::process_of_group(const World& world, int32_t group) const {
  for (const Process& process : world.processes) {
    const std::vector<int32_t>& published = process.ready->published;
    if (std::ranges::find(published, group % options_.groups_per_world) != published.end()) {
      return process.hello.process;
    }
  }
  CHECK(false, "no process publishes group {}", group);
  return -1;
}

void RemoteWorlds::on_unreachable(const PeerId& peer) {
  const std::lock_guard lock(mutex_);
  int32_t index = 0;
  Process* process = nullptr;
  for (Node& node : nodes_) {
    if (node.peer == peer) node.heard_s = 0;  // gone
  }
  if (world_of(peer, &index, &process) == nullptr || process == nullptr) return;
  end_world(index, fmt::format("process {} on {} cannot be reached", process->hello.process, process->hello.host));
}

void RemoteWorlds::on_garbage(const std::string& what) {
  logger_->warn("at {}: {}", options_.link.endpoint, what);
}

}  // namespace braid
