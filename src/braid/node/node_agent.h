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
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/journal/journal.h"
#include "braid/journal/journal_replica.h"
#include "braid/node/child_process.h"
#include "braid/wire/process_message.h"
#include "braid/wire/transport/process_link.h"
#include "braid/wire/transport/zmq_socket.h"

namespace braid {

struct NodeAgentOptions {
  // Where the front may be: at node 0 and, if another one stands by, there.
  std::vector<ProcessLinkOptions> fronts;
  NodeHello hello;
  std::string folder;                         // for what the commands keep while they run
  std::string isa;                            // in which ranks here would compute (NodeAnswer)
  std::vector<std::string> environment = {};  // more of it, for the commands
  // Set if this node stands by: where it keeps the journal, and for how long the front says nothing before it takes
  // over.
  std::optional<JournalOptions> journal = {};
  double standby_after_s = 10;
};

class NodeAgent final : private ProcessLinkOwner {
 public:
  NodeAgent(NodeAgentOptions options, std::shared_ptr<Logger> logger);
  ~NodeAgent() override;

  struct Ending {
    bool takes_over = false;  // the front is gone, and this node has its journal: in the folder, which is free again
    std::string isa;          // of the ranks that the front had; empty: they were never ready
  };
  // Works until the front says stop, or stop() is called, or this node must take over. A front that goes away is waited
  // for: its commands are killed. An error if the front refuses this node.
  Result<Ending> run();
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
  std::optional<Status> take(ProcessMessage message);
  Result<Ending> work();
  void tell_front(double now_s);
  bool must_take_over(double now_s);
  bool must_try_another_front(double now_s);
  void start(const RunCommand& command);
  void look_after_commands();
  void wait_for_news();
  Status connect(size_t front);
  void tell(const ProcessMessage& message);

  const NodeAgentOptions options_;
  const std::shared_ptr<Logger> logger_;
  std::unique_ptr<ProcessLink> link_;
  size_t front_ = 0;                         // of fronts, to which the link is
  double connected_s_ = 0;                   // when the link was made
  std::unique_ptr<JournalReplica> replica_;  // null: this node does not stand by
  std::string isa_;                          // in which the front's ranks compute
  std::map<uint64_t, Running> commands_;
  double next_beat_s_ = 0;

  WakeEvent news_;
  std::mutex mutex_;
  std::deque<ProcessMessage> inbox_;
  std::string lost_;    // why the front is
  double heard_s_ = 0;  // when it last said something; 0: never
  bool must_stop_ = false;
  std::string trouble_;
  std::atomic<bool> has_heard_ = false;
};

// Runs a command on a node, through the front, and returns its exit code: what MPI calls instead of a remote shell.
Result<int> run_on_node(const ProcessLinkOptions& front, const RunOnNode& command);

}  // namespace braid
