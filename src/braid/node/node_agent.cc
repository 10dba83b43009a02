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
    on_lost(fmt::format("the front at {} sent what is no message to a node", options_.front.endpoint));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(message).value());
    trouble_.clear();
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

Status NodeAgent::connect() {
  link_.reset();
  {
    const std::lock_guard lock(mutex_);
    lost_.clear();
    inbox_.clear();
  }
  TRY(link_, ProcessLink::connect(options_.front, *this));
  tell(options_.hello);
  return {};
}

// The commands are its children, so they end with this thread (ChildProcess).
Status NodeAgent::run() {
  TRY_STATUS(connect());
  logger_->info("node {} of {}: waits for node 0 at {}", options_.hello.node, options_.hello.num_nodes,
                options_.front.endpoint);
  std::optional<double> retry_s;
  for (;;) {
    wait_for_news();
    std::deque<ProcessMessage> inbox;
    std::string lost;
    {
      const std::lock_guard lock(mutex_);
      if (must_stop_) return {};
      inbox.swap(inbox_);
      lost = lost_;
    }
    for (const ProcessMessage& message : inbox) {
      if (const auto ending = take(message)) return *ending;
    }
    look_after_commands();
    const double now_s = monotonic_seconds();
    if (lost.empty()) {
      if (now_s < next_beat_s_) continue;
      tell(ProcessProgress{});
      next_beat_s_ = now_s + kBeatMs / 1e3;
    } else if (!retry_s) {
      if (!commands_.empty()) logger_->error("{}: its processes here end", lost);
      commands_.clear();
      retry_s = now_s + kRetry_s;
    } else if (now_s >= *retry_s) {
      retry_s.reset();
      TRY_STATUS(connect());
    }
  }
}

void NodeAgent::wait_for_news() {
  std::vector<pollfd> files{{.fd = news_.file(), .events = POLLIN, .revents = 0}};
  for (const auto& [id, running] : commands_) {
    files.push_back({.fd = running.process.file(), .events = POLLIN, .revents = 0});
  }
  poll(files.data(), files.size(), kBeatMs);
  static_cast<void>(news_.take());
}

std::optional<Status> NodeAgent::take(const ProcessMessage& message) {
  if (const auto* refusal = std::get_if<NodeRefusal>(&message)) return fail("node 0 says: {}", refusal->reason);
  if (std::holds_alternative<ProcessStop>(message)) {
    logger_->info("node 0 has ended");
    return Status();
  }
  if (std::holds_alternative<ProcessNews>(message)) tell(options_.hello);
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
  auto process = ChildProcess::start({.command = {"sh", "-c", "exec " + command.command},
                                      .more_environment = {"TMPDIR=" + options_.folder},
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
