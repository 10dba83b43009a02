#include "braid/node/node_meeting.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "braid/base/clock.h"
#include "braid/node/node_problem.h"
#include "braid/wire/process_message_codec.h"

namespace braid {
namespace {

constexpr int kQuestions = 20;
constexpr std::chrono::seconds kAnswerTime{2};

}  // namespace

NodeMeeting::NodeMeeting(NodeMeetingOptions options)
    : options_(std::move(options)), nodes_(static_cast<size_t>(options_.num_nodes)) {}

NodeMeeting::~NodeMeeting() {
  if (link_ != nullptr) link_->close();  // its thread calls this object
}

Result<std::unique_ptr<NodeMeeting>> NodeMeeting::open(NodeMeetingOptions options) {
  auto meeting = std::unique_ptr<NodeMeeting>(new NodeMeeting(std::move(options)));
  const std::lock_guard lock(meeting->mutex_);  // nobody is answered before the link is known
  TRY(meeting->link_, FrontLink::listen(meeting->options_.link, *meeting));
  return meeting;
}

std::vector<NodeMeeting::Attendance> NodeMeeting::wait_for_nodes(double timeout_s) {
  std::unique_lock lock(mutex_);
  const auto others = std::span(nodes_).subspan(1);
  changed_.wait_for(lock, std::chrono::duration<double>(timeout_s), [&] {
    const auto is_refused = [](const Node& node) { return !node.attendance.problem.empty(); };
    return std::ranges::any_of(others, is_refused) ||
           std::ranges::all_of(others, [](const Node& node) { return node.attendance.hello.has_value(); });
  });
  std::vector<Attendance> attendance;
  for (const Node& node : nodes_) attendance.push_back(node.attendance);
  return attendance;
}

std::optional<NodeMeeting::Reading> NodeMeeting::read_node(int32_t node) {
  Reading reading;
  std::vector<ClockReading> readings;
  for (int i = 0; i < kQuestions; ++i) {
    std::unique_lock lock(mutex_);
    const uint64_t id = ++last_id_;
    const double asked_s = unix_seconds();
    tell(nodes_[static_cast<size_t>(node)].peer, NodeQuestion{.id = id});
    if (!changed_.wait_for(lock, kAnswerTime, [&] { return answer_ && answer_->id == id; })) return std::nullopt;
    readings.push_back({.asked_s = asked_s, .answered_s = answered_s_, .other_s = answer_->unix_s});
    reading.isa = answer_->isa;
  }
  reading.clock = clock_offset(readings);
  return reading;
}

std::vector<std::string> NodeMeeting::strangers() {
  const std::lock_guard lock(mutex_);
  return strangers_;
}

void NodeMeeting::refuse_all(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  for (const Node& node : nodes_) {
    if (!node.peer.empty()) tell(node.peer, NodeRefusal{.reason = reason});
  }
}

void NodeMeeting::tell(const PeerId& peer, const ProcessMessage& message) {
  link_->send(peer, LinkMessageKind::kMessage, encode(message));
}

void NodeMeeting::on_message(const PeerId& peer, LinkMessageKind kind, SharedBytes body) {
  const double now_s = unix_seconds();
  auto message = decode_process_message(body.span());
  if (kind != LinkMessageKind::kMessage || !message.ok()) {
    on_garbage(message.ok() ? "a node sent a map" : message.error().message);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (const auto* hello = std::get_if<NodeHello>(&*message)) {
      welcome(peer, *hello);
    } else if (const auto* answer = std::get_if<NodeAnswer>(&*message)) {
      answer_ = *answer;
      answered_s_ = now_s;
    } else if (const auto* asked = std::get_if<RunOnNode>(&*message)) {
      tell(commands_.run(peer, *asked, agent_of(nodes_, asked->node)));
    } else if (const auto* ended = std::get_if<CommandEnded>(&*message)) {
      if (const auto letter = commands_.end(peer, *ended)) tell(*letter);
    }
  }
  changed_.notify_all();
}

void NodeMeeting::welcome(const PeerId& peer, const NodeHello& hello) {
  std::string problem = node_problem(hello, options_.num_nodes, options_.identity);
  Node& node = nodes_[std::min<size_t>(static_cast<size_t>(hello.node), nodes_.size() - 1)];
  if (problem.empty() && !node.peer.empty() && node.peer != peer) {
    problem = fmt::format("node {} is on {} already: {} has the same --node-rank", hello.node,
                          node.attendance.hello->host, hello.host);
  }
  if (problem.empty()) {
    node = {.peer = peer, .attendance = {.hello = hello, .problem = {}}};
  } else {
    node.attendance.problem = problem;
    tell(peer, NodeRefusal{.reason = problem});
  }
}

void NodeMeeting::on_unreachable(const PeerId& peer) {
  const std::lock_guard lock(mutex_);
  for (Node& node : nodes_) {
    if (node.peer == peer) node = {};
  }
  for (const NodeCommands::Letter& letter : commands_.lose(peer)) tell(letter);
}

void NodeMeeting::on_garbage(const std::string& what) {
  const std::lock_guard lock(mutex_);
  strangers_.push_back(what);
}

}  // namespace braid
