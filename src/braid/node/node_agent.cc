#include "braid/node/node_agent.h"

#include <poll.h>

#include <condition_variable>
#include <csignal>
#include <utility>
#include <vector>

#include "braid/base/clock.h"
#include "braid/wire/process_message_codec.h"

namespace braid {
namespace {

constexpr int kBeatMs = 100;
constexpr double kRetry_s = 0.5;
constexpr double kTryFront_s = 2;  // for a front to say its first word, where there may be another one
constexpr double kSilence_s = 5;   // after which such a front is gone

}  // namespace

NodeAgent::NodeAgent(NodeAgentOptions options, std::shared_ptr<Logger> logger)
    : options_(std::move(options)), logger_(std::move(logger)) {}

NodeAgent::~NodeAgent() {
  link_.reset();  // it calls this object
}

void NodeAgent::stop() {
  {
    const std::lock_guard lock(mutex_);
    must_stop_ = true;
  }
  news_.wake();
}

void NodeAgent::on_message(LinkMessageKind kind, SharedBytes body) {
  auto message = decode_process_message(body.span());
  if (kind != LinkMessageKind::kMessage || !message.ok()) {
    on_lost(fmt::format("the front at {} sent what is no message to a node", options_.fronts[front_].endpoint));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(message).value());
    trouble_.clear();
    heard_s_ = monotonic_seconds();
  }
  has_heard_ = true;
  news_.wake();
}

void NodeAgent::on_lost(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (lost_.empty()) lost_ = why;
    trouble_ = why;
  }
  news_.wake();
}

std::string NodeAgent::trouble() {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void NodeAgent::tell(const ProcessMessage& message) {
  link_->send(LinkMessageKind::kMessage, encode(message));
}

Status NodeAgent::connect(size_t front) {
  link_.reset();
  front_ = front;
  {
    const std::lock_guard lock(mutex_);
    lost_.clear();
    inbox_.clear();
  }
  TRY(link_, ProcessLink::connect(options_.fronts[front_], *this));
  connected_s_ = monotonic_seconds();
  tell(options_.hello);
  return {};
}

// The commands are its children, so they end with this thread (ChildProcess).
Result<NodeAgent::Ending> NodeAgent::run() {
  if (options_.journal) {
    TRY(replica_, JournalReplica::open(
                      *options_.journal, [this] { news_.wake(); }, logger_));
  }
  auto ending = work();
  link_.reset();
  commands_.clear();
  replica_.reset();  // its folder is free, and has everything that came
  return ending;
}

Result<NodeAgent::Ending> NodeAgent::work() {
  TRY_STATUS(connect(0));
  logger_->info("node {} of {}: waits for node 0 at {}", options_.hello.node, options_.hello.num_nodes,
                options_.fronts[front_].endpoint);
  std::optional<double> retry_s;
  for (;;) {
    wait_for_news();
    std::deque<ProcessMessage> inbox;
    std::string lost;
    bool must_stop = false;
    {
      const std::lock_guard lock(mutex_);
      must_stop = must_stop_;
      inbox.swap(inbox_);
      lost = lost_;
    }
    if (must_stop) {
      tell(NodeLeaving{});  // leaves with the link, before the commands end
      return Ending{};
    }
    for (ProcessMessage& message : inbox) {
      if (const auto ending = take(std::move(message))) {
        TRY_STATUS(*ending);
        return Ending{};
      }
    }
    look_after_commands();
    const double now_s = monotonic_seconds();
    if (must_take_over(now_s)) {
      logger_->warn("node 0 has said nothing for {} s: this node takes over", options_.standby_after_s);
      return Ending{.takes_over = true, .isa = isa_};
    }
    if (lost.empty() && must_try_another_front(now_s)) {
      lost = fmt::format("the front at {} says nothing", options_.fronts[front_].endpoint);
      on_lost(lost);
    }
    if (lost.empty()) {
      tell_front(now_s);
    } else if (!retry_s) {
      if (!commands_.empty()) logger_->error("{}: its processes here end", lost);
      commands_.clear();
      retry_s = now_s + kRetry_s;
    } else if (now_s >= *retry_s) {
      retry_s.reset();
      TRY_STATUS(connect((front_ + 1) % options_.fronts.size()));
    }
  }
}

void NodeAgent::tell_front(double now_s) {
  if (replica_ != nullptr) {
    for (JournalKept& kept : replica_->take_answers()) tell(std::move(kept));
  }
  if (now_s < next_beat_s_) return;
  tell(ProcessProgress{});
  next_beat_s_ = now_s + kBeatMs / 1e3;
}

bool NodeAgent::must_take_over(double now_s) {
  const std::lock_guard lock(mutex_);
  return replica_ != nullptr && replica_->has_whole() && now_s > heard_s_ + options_.standby_after_s;
}

bool NodeAgent::must_try_another_front(double now_s) {
  if (options_.fronts.size() < 2) return false;
  const std::lock_guard lock(mutex_);
  return now_s > (heard_s_ < connected_s_ ? connected_s_ + kTryFront_s : heard_s_ + kSilence_s);
}

void NodeAgent::wait_for_news() {
  std::vector<pollfd> files{{.fd = news_.file(), .events = POLLIN, .revents = 0}};
  for (const auto& [id, running] : commands_) {
    files.push_back({.fd = running.process.file(), .events = POLLIN, .revents = 0});
  }
  poll(files.data(), files.size(), kBeatMs);
  static_cast<void>(news_.take());
}

std::optional<Status> NodeAgent::take(ProcessMessage message) {
  if (const auto* refusal = std::get_if<NodeRefusal>(&message)) return fail("node 0 says: {}", refusal->reason);
  if (std::holds_alternative<ProcessStop>(message)) {
    logger_->info("node 0 has ended");
    return Status();
  }
  if (std::holds_alternative<ProcessNews>(message)) tell(options_.hello);
  if (const auto* beat = std::get_if<NodeBeat>(&message); beat != nullptr && !beat->isa.empty()) isa_ = beat->isa;
  if (auto* part = std::get_if<JournalPart>(&message); part != nullptr && replica_ != nullptr) {
    replica_->take(std::move(*part));
  }
  if (const auto* question = std::get_if<NodeQuestion>(&message)) {
    tell(NodeAnswer{.id = question->id, .unix_s = unix_seconds(), .isa = options_.isa});
  }
  if (const auto* command = std::get_if<RunCommand>(&message)) start(*command);
  if (const auto* end = std::get_if<EndCommands>(&message)) {
    std::erase_if(commands_, [&](const auto& entry) { return entry.second.world == end->world; });
  }
  return std::nullopt;
}

void NodeAgent::start(const RunCommand& command) {
  logger_->debug("runs {}", command.command);
  std::vector<std::string> environment = options_.environment;
  environment.push_back("TMPDIR=" + options_.folder);
  auto process = ChildProcess::start({.command = {"sh", "-c", "exec " + command.command},
                                      .more_environment = std::move(environment),
                                      .signal_on_orphan = SIGTERM});
  if (process.ok()) {
    commands_.emplace(command.id, Running{.world = command.world, .process = std::move(process).value()});
  } else {
    logger_->error("{}", process.error().message);
    tell(CommandEnded{.id = command.id, .exit_code = 127, .ending = process.error().message});
  }
}

void NodeAgent::look_after_commands() {
  for (auto entry = commands_.begin(); entry != commands_.end();) {
    const auto& ending = entry->second.process.ending();
    if (!ending) {
      ++entry;
      continue;
    }
    tell(CommandEnded{.id = entry->first, .exit_code = ending->exit_code, .ending = ending->text});
    entry = commands_.erase(entry);
  }
}

namespace {

// Waits for the answer of one command.
class CommandWaiter final : public ProcessLinkOwner {
 public:
  void on_message(LinkMessageKind, SharedBytes body) override {
    const auto message = decode_process_message(body.span());
    const auto* const ended = message.ok() ? std::get_if<CommandEnded>(&*message) : nullptr;
    if (ended == nullptr) return;
    if (ended->exit_code == 127) {
      end(fail("{}", ended->ending));
    } else {
      end(ended->exit_code);
    }
  }
  void on_lost(const std::string& why) override { end(Error{why}); }

  Result<int> wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return result_.has_value(); });
    return *result_;
  }

 private:
  void end(Result<int> result) {
    const std::lock_guard lock(mutex_);
    if (!result_) result_ = std::move(result);
    ended_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<Result<int>> result_;
};

}  // namespace

Result<int> run_on_node(const ProcessLinkOptions& front, const RunOnNode& command) {
  CommandWaiter waiter;
  TRY(const auto link, ProcessLink::connect(front, waiter));
  link->send(LinkMessageKind::kMessage, encode(ProcessMessage(command)));
  return waiter.wait();
}

}  // namespace braid
