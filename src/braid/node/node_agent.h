// A node other than node 0: waits for the front, and runs the commands that it is given, for the processes of the
// worlds that have ranks here. Tested by tests/cluster.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/node/child_process.h"
#include "braid/wire/process_message.h"
#include "braid/wire/transport/process_link.h"
#include "braid/wire/transport/zmq_socket.h"

namespace braid {

struct NodeAgentOptions {
  ProcessLinkOptions front;
  NodeHello hello;
  std::string folder;  // for what the commands keep while they run
  std::string isa;     // in which ranks here would compute (NodeAnswer)
};

class NodeAgent final : private ProcessLinkOwner {
 public:
  NodeAgent(NodeAgentOptions options, std::shared_ptr<Logger> logger);
  ~NodeAgent() override;

  // Works until the front says stop, or stop() is called. A front that goes away is waited for: its commands are
  // killed. An error if the front refuses this node.
  Status run();
  // From any thread.
  void stop();
  // Whether the front has ever said anything. From any thread.
  bool has_heard() const { return has_heard_; }
  // Why the front cannot be reached at present; empty: nothing is known against it. From any thread.
  std::string trouble();

 private:
  struct Running {
    int32_t world = 0;
    ChildProcess process;
  };

  void on_message(LinkMessageKind kind, SharedBytes body) override;
  void on_lost(const std::string& why) override;

  // Returns how it ends, once it does.
  std::optional<Status> take(const ProcessMessage& message);
  void start(const RunCommand& command);
  void look_after_commands();
  void wait_for_news();
  Status connect();
  void tell(const ProcessMessage& message);

  const NodeAgentOptions options_;
  const std::shared_ptr<Logger> logger_;
  std::unique_ptr<ProcessLink> link_;
  std::map<uint64_t, Running> commands_;
  double next_beat_s_ = 0;

  WakeEvent news_;
  std::mutex mutex_;
  std::deque<ProcessMessage> inbox_;
  std::string lost_;  // why the front is
  bool must_stop_ = false;
  std::string trouble_;
  std::atomic<bool> has_heard_ = false;
};

// Runs a command on a node, through the front, and returns its exit code: what MPI calls instead of a remote shell.
Result<int> run_on_node(const ProcessLinkOptions& front, const RunOnNode& command);

}  // namespace braid
