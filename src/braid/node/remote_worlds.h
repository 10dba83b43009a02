// The worlds of a front whose ranks are in other processes: starts the processes, passes maps, masks and outputs
// between them and the controller, notices when one is gone, and starts a lost world again in new processes. Tested by
// tests/e2e/test_rank_processes.py.
//
// Other nodes have agents (node_agent.h) that start what this object asks for. A world waits for the nodes that it
// needs.
//
// A world's processes live and die together. A world that starts is sent no map before all its processes are ready;
// what the controller sends it meanwhile is kept.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/journal/journal.h"
#include "braid/node/child_process.h"
#include "braid/node/cluster_profile.h"
#include "braid/node/elastic_nodes.h"
#include "braid/node/node_commands.h"
#include "braid/node/process_places.h"
#include "braid/wire/group_host.h"
#include "braid/wire/group_listener.h"
#include "braid/wire/group_outputs_codec.h"
#include "braid/wire/process_message.h"
#include "braid/wire/profile.h"
#include "braid/wire/token_masks.h"
#include "braid/wire/transport/process_link.h"
#include "braid/wire/transport/zmq_socket.h"
#include "braid/wire/weight_report.h"

namespace braid {

// A node that takes over when node 0 is gone.
struct StandbyOptions {
  int32_t node = 0;                                      // 0: none stands by
  std::shared_ptr<Journal> journal;                      // which is copied there
  std::function<void(const std::string& why)> on_claim;  // it has taken over: this process must end
};

// Going on without nodes that are gone. For one world alone.
struct ElasticOptions {
  std::vector<int32_t> ranks_on_node;  // of the whole layout; none: the world waits for its nodes
  double after_s = 10;                 // for which a node that is gone is waited for
  // The world's processes while its ranks are on these nodes alone, by node.
  std::function<std::vector<ProcessPlace>(const std::vector<bool>& is_in)> places;
};

// A start of a world's processes.
struct WorldLaunch {
  int32_t world = 0;
  int32_t num_launches = 0;  // of the world, before this one
  std::vector<ProcessPlace> places;
  std::string isa;       // the best that the processes on this node have, and so all; empty: what the node has
  std::string kept_key;  // as KeptMemoryOptions::key
};

struct RemoteWorldsOptions {
  int32_t groups_per_world = 1;
  std::vector<std::vector<ProcessPlace>> processes;  // of each world, when all nodes are there
  int32_t num_nodes = 1;
  int32_t front_node = 0;  // the number of this node, if it has taken over from node 0; its places are those of node 0
  std::string identity;    // what must be the same on all nodes (NodeHello)
  StandbyOptions standby = {};
  ElasticOptions elastic = {};
  std::string isa;  // of the first start, as WorldLaunch's
  FrontLinkOptions link;
  OutputsLimits outputs;
  // The command that starts all processes of a world. Empty: a launcher has started them, and they come by themselves.
  std::function<ChildProcess::Options(const WorldLaunch& launch)> command;
  double start_timeout_s = 3600;  // for all processes of a world to be ready
  double silence_s = 5;           // after which a process that says nothing is gone
};

// Another one whenever it is called.
std::string new_kept_key();

class RemoteWorlds final : public GroupHost, private FrontLinkOwner {
 public:
  // Starts all processes, and does not wait for them.
  static Result<std::unique_ptr<RemoteWorlds>> launch(RemoteWorldsOptions options, std::shared_ptr<Logger> logger);
  ~RemoteWorlds() override { stop(); }

  // Returns when all processes are ready. An error if one fails.
  Result<ProcessReady> wait_until_ready();
  // Of each world, as it has measured them when it first started where it is; no points: it has not.
  std::vector<ExchangeCosts> exchange_costs() const;
  ImageCounts image_counts() const;  // of all processes
  // From now on outputs are passed on. Call once, before the controller sends anything. Both outlive this object, or
  // its stop().
  void connect(GroupListener& listener, MaskFinder& masks);
  // The controller's end. It must not outlive this object.
  std::unique_ptr<ControllerLink> make_link();
  // Ends all processes, after the steps that are under way.
  void stop();

  Progress progress(int32_t group) const override;
  ClusterStatus cluster() const override;
  void lose(int32_t /*group*/, std::span<const MoveId> /*begun*/, MoveId /*next_move*/) override {}
  void restart(int32_t first_group, WorldStart start) override;
  void wake(int32_t /*group*/) override {}

  // Of all processes that run then or start later. Begins anew if it is on.
  void start_profile();
  // Waits until they have sent what they have recorded, or it is clear that they will not. Empty if none was begun.
  Profile stop_profile();

  // Of all processes that run. Waits for them. Not while another call does.
  WeightReport check_weights();

 private:
  class Link;

  struct Process {
    PeerId peer;
    ProcessHello hello;
    std::optional<ProcessReady> ready;
    Progress progress;
    std::vector<RankCounts> counts = {};  // of its ranks
    ImageCounts images = {};
    double heard_s = 0;
  };
  struct Message {
    LinkMessageKind kind = LinkMessageKind::kMap;
    std::optional<int32_t> group;  // of a direct map
    SharedBytes body;
  };
  enum class State : uint8_t {
    kStarting,
    kRuns,
    kEnded,  // until restart()
  };
  struct World {
    State state = State::kStarting;
    bool must_launch = true;
    double next_complaint_s = 0;  // about nodes that are missing
    std::vector<ProcessPlace> places;
    std::vector<ProcessPlace> measured_places;  // where its exchange costs were measured
    int32_t num_launches = 0;
    ProcessStart start;
    int32_t num_restarts = 0;  // as the controller counts them
    double since_s = 0;        // in this state
    std::optional<ChildProcess> job;
    std::optional<double> job_ended_s;
    std::optional<double> job_told_s;  // to end
    double next_beat_s = 0;
    std::vector<Process> processes;  // those that said hello, by number
    std::vector<Message> backlog;    // while it starts
  };
  struct Node {
    PeerId peer;  // empty: it is not there
    NodeHello hello;
    double heard_s = 0;
  };
  // A check of weights that is under way.
  struct AskedWeights {
    uint64_t id = 0;
    std::set<PeerId> awaited;  // who have not answered yet
    WeightReport report;
  };
  // What to tell the listener once the mutex is free.
  struct News {
    int32_t world = 0;
    std::optional<WorldRestart> restart;
    std::string failure;
    bool is_planned = false;
    int32_t num_restarts = 0;
  };

  RemoteWorlds(RemoteWorldsOptions options, std::shared_ptr<Logger> logger);

  void on_message(const PeerId& peer, LinkMessageKind kind, SharedBytes body) override;
  void on_unreachable(const PeerId& peer) override;
  void on_garbage(const std::string& what) override;
  void take_outputs(const PeerId& peer, const SharedBytes& body);
  void take_message(const PeerId& peer, ProcessMessage message, double now_s);
  void answer_mask(const PeerId& peer, const MaskWanted& wanted);

  // With mutex_.
  bool take_of_node(const PeerId& peer, const ProcessMessage& message);
  void welcome_node(const PeerId& peer, const NodeHello& hello);
  void refuse_node(const PeerId& peer, const std::string& problem);
  void take_node(Node node);
  void let_node_leave(const PeerId& peer);
  void tell(const PeerId& peer, const ProcessMessage& message);
  void tell(const NodeCommands::Letter& letter) { tell(letter.to, letter.message); }
  std::vector<int32_t> missing_nodes(int32_t world) const;
  void look_after_nodes(double now_s);
  void tell_nodes(double now_s);
  void connect_standby(const PeerId& peer);
  void take_claim(const FrontClaim& claim);
  void lose_node(int32_t number, bool is_told);
  std::vector<NodeStatus> nodes() const;
  // Of a process that is ready, by the number that nodes() has for it.
  int32_t node_of(const ProcessHello& hello, const std::vector<NodeStatus>& nodes) const;
  int32_t num_processes(int32_t world) const {
    return static_cast<int32_t>(worlds_[static_cast<size_t>(world)].places.size());
  }
  void welcome(const PeerId& peer, const ProcessHello& hello);
  void begin_if_ready(int32_t world);
  // `is_planned`: on purpose, to start again elsewhere.
  void end_world(int32_t world, const std::string& reason, bool is_planned = false);
  void start_again(World& world);

  bool find_places(int32_t world, double now_s);
  bool find_elastic_places(World& world, double now_s);
  // Says seldom, in the log, for which nodes a world waits, and `what` of them.
  void complain(World& world, const std::vector<int32_t>& missing, const std::string& what, double now_s);
  bool tries_again_by_itself(const std::string& reason);
  Status keep_bits(const World& world);
  std::optional<WorldRestart::Capacity> capacity(const World& world) const;
  bool keeps_pages(const World& world) const;  // once all its processes are ready
  void take_elastic_node(int32_t number);
  void take_nodes_back(double now_s);
  std::vector<bool> quiet_nodes(double now_s) const;
  std::optional<ElasticStatus> elastic_status() const;

  void send_to_world(int32_t world, const Message& message);
  void deliver(World& world, const Message& message);
  int32_t process_of_group(const World& world, int32_t group) const;
  World* world_of(const PeerId& peer, int32_t* index = nullptr, Process** process = nullptr);

  void add_to_profile(int32_t world);
  void lose_from_profile(const World& world, const std::string& reason);
  void advance_profile();
  void take_weights(Process& process, WeightsChecked checked);
  void lose_from_weights(const World& world, const std::string& reason);

  void keep();
  void wait_for_jobs();
  void look_after(int32_t world, double now_s);
  void launch_world(int32_t world);
  void end_job(World& world, double now_s);
  void tell_news();

  const RemoteWorldsOptions options_;
  const std::shared_ptr<Logger> logger_;
  std::shared_ptr<FrontLink> link_;  // shared with what sends the journal to a standby
  WakeEvent wake_keeper_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<World> worlds_;
  std::map<PeerId, int32_t> worlds_by_peer_;
  std::vector<Node> nodes_;          // the first is this one
  std::vector<Node> waiting_nodes_;  // whose place is taken
  double next_node_beat_s_ = 0;
  NodeCommands commands_;
  std::vector<News> news_;
  std::string first_failure_;            // before connect()
  std::optional<ElasticNodes> elastic_;  // absent: worlds wait for their nodes
  std::string isa_;                      // in which the world computes since its first start
  int32_t context_len_ = 0;              // of the first start; 0: nothing has run
  double smaller_since_unix_s_ = 0;      // while the world lacks nodes, or has lacked them when it last ran
  std::string elastic_problem_;          // why it does not start without them
  std::optional<ClusterProfile> profile_;
  uint64_t last_profile_ = 0;
  std::optional<AskedWeights> asked_weights_;
  uint64_t last_weights_ = 0;
  std::string kept_key_ = new_kept_key();
  GroupListener* listener_ = nullptr;
  MaskFinder* masks_ = nullptr;
  bool is_stopping_ = false;
  std::thread keeper_;
};

}  // namespace braid
