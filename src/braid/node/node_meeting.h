// Node 0's view of the other nodes before anything is served: whether they come and fit, what their clocks say, and
// commands on them. Their agents (node_agent.h) find it where a front would be. Tested by tests/cluster/test_doctor.py.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/node/clock_offset.h"
#include "braid/node/node_commands.h"
#include "braid/wire/process_message.h"
#include "braid/wire/transport/process_link.h"

namespace braid {

struct NodeMeetingOptions {
  int32_t num_nodes = 1;
  std::string identity;  // what must be the same on all nodes (NodeHello)
  FrontLinkOptions link;
};

class NodeMeeting final : private FrontLinkOwner {
 public:
  // What is known of a node.
  struct Attendance {
    std::optional<NodeHello> hello;  // it is there, and fits
    std::string problem;             // why the last one that came was refused
  };
  struct Reading {
    ClockOffset clock;
    std::string isa;
  };

  static Result<std::unique_ptr<NodeMeeting>> open(NodeMeetingOptions options);
  ~NodeMeeting() override;

  // Returns as soon as all are there or one was refused; by number, node 0 being the first.
  std::vector<Attendance> wait_for_nodes(double timeout_s);
  // Some questions to a node that is there. Absent: it has not answered.
  std::optional<Reading> read_node(int32_t node);
  // What strangers tried, a line each.
  std::vector<std::string> strangers();
  // All nodes end with this.
  void refuse_all(const std::string& reason);

 private:
  explicit NodeMeeting(NodeMeetingOptions options);

  struct Node {
    PeerId peer;  // empty: it is not there
    Attendance attendance;
  };
  void on_message(const PeerId& peer, LinkMessageKind kind, SharedBytes body) override;
  void on_unreachable(const PeerId& peer) override;
  void on_garbage(const std::string& what) override;

  // With mutex_.
  void welcome(const PeerId& peer, const NodeHello& hello);
  void tell(const PeerId& peer, const ProcessMessage& message);
  void tell(const NodeCommands::Letter& letter) { tell(letter.to, letter.message); }

  const NodeMeetingOptions options_;
  std::unique_ptr<FrontLink> link_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Node> nodes_;
  NodeCommands commands_;
  uint64_t last_id_ = 0;  // of questions
  std::optional<NodeAnswer> answer_;
  double answered_s_ = 0;  // unix
  std::vector<std::string> strangers_;
};

}  // namespace braid
