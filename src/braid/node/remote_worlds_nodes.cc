// The front's view of the other nodes: which are there, and the commands that run on them. Tested by tests/cluster.
#include <algorithm>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/system_info.h"
#include "braid/node/node_problem.h"
#include "braid/node/remote_worlds.h"
#include "braid/wire/process_message_codec.h"

namespace braid {
namespace {

constexpr double kBeats_s = 0.5;      // within which a node that is there has said something
constexpr double kTellNodes_s = 0.5;  // how often nodes hear that this one is there

}  // namespace

// Returns whether the message is about nodes and their commands.
bool RemoteWorlds::take_of_node(const PeerId& peer, const ProcessMessage& message) {
  if (const auto* hello = std::get_if<NodeHello>(&message)) {
    welcome_node(peer, *hello);
  } else if (const auto* run = std::get_if<RunOnNode>(&message)) {
    tell(commands_.run(peer, *run, agent_of(nodes_, run->node)));
  } else if (const auto* ended = std::get_if<CommandEnded>(&message)) {
    if (const auto letter = commands_.end(peer, *ended)) tell(*letter);
  } else if (std::holds_alternative<NodeLeaving>(message)) {
    let_node_leave(peer);
  } else if (const auto* kept = std::get_if<JournalKept>(&message)) {
    const StandbyOptions& standby = options_.standby;
    if (standby.journal == nullptr || nodes_[static_cast<size_t>(standby.node)].peer != peer) return true;
    standby.journal->take_kept(*kept);
  } else if (const auto* claim = std::get_if<FrontClaim>(&message)) {
    take_claim(*claim);
  } else {
    return false;
  }
  return true;
}

// An agent that does not fit gets the reason, and ends with it. One whose place is taken waits until it is clear
// whether the other is still there: a node that died may be back before it is missed.
void RemoteWorlds::welcome_node(const PeerId& peer, const NodeHello& hello) {
  const std::string problem = node_problem(hello, options_.num_nodes, options_.identity);
  if (hello.node == options_.front_node) {
    refuse_node(peer, fmt::format("node {} has taken over from node 0, and is there already: {} has the same "
                                  "--node-rank",
                                  hello.node, hello.host));
  } else if (!problem.empty()) {
    refuse_node(peer, problem);
  } else if (nodes_[static_cast<size_t>(hello.node)].peer == peer) {
    return;  // it said so before
  } else if (nodes_[static_cast<size_t>(hello.node)].peer.empty()) {
    take_node({.peer = peer, .hello = hello, .heard_s = monotonic_seconds()});
  } else {
    waiting_nodes_.push_back({.peer = peer, .hello = hello, .heard_s = monotonic_seconds()});
  }
}

void RemoteWorlds::refuse_node(const PeerId& peer, const std::string& problem) {
  logger_->error("{}", problem);
  tell(peer, NodeRefusal{.reason = problem});
}

void RemoteWorlds::take_node(Node node) {
  logger_->info("node {} is there: {}", node.hello.node, node.hello.host);
  const auto number = static_cast<size_t>(node.hello.node);
  nodes_[number] = std::move(node);
  if (elastic_) take_elastic_node(static_cast<int32_t>(number));
  next_node_beat_s_ = 0;  // it hears at once that it has found the front
  if (number == static_cast<size_t>(options_.standby.node)) connect_standby(nodes_[number].peer);
  wake_keeper_.wake();
}

// Parts go out on the journal's thread. The link does nothing once it is closed.
void RemoteWorlds::connect_standby(const PeerId& peer) {
  if (options_.standby.journal == nullptr) return;
  options_.standby.journal->connect_standby([link = link_, peer](JournalPart part) {
    link->send(peer, LinkMessageKind::kMessage, encode(ProcessMessage(std::move(part))));
  });
}

// The world would lose its processes there in a moment. It ends first, so that nothing has failed.
void RemoteWorlds::let_node_leave(const PeerId& peer) {
  const auto found = std::ranges::find(nodes_, peer, &Node::peer);
  if (found == nodes_.end()) return;
  const auto number = static_cast<int32_t>(found - nodes_.begin());
  const std::string reason = fmt::format("node {} on {} was told to end", number, found->hello.host);
  logger_->warn("{}", reason);
  lose_node(number, true);
  for (int32_t index = 0; index < std::ssize(worlds_); ++index) {
    const World& world = worlds_[static_cast<size_t>(index)];
    const bool has_begun = world.state == State::kRuns || (world.state == State::kStarting && !world.must_launch);
    const bool is_there = std::ranges::find(world.places, number, &ProcessPlace::node) != world.places.end();
    if (has_begun && is_there) end_world(index, reason, true);
  }
}

void RemoteWorlds::take_claim(const FrontClaim& claim) {
  if (claim.node != options_.standby.node || !options_.standby.on_claim) {
    on_garbage(fmt::format("node {} on {} claims to have taken over, and does not stand by", claim.node, claim.host));
    return;
  }
  options_.standby.on_claim(fmt::format("node {} on {} has taken over from this node (--standby): clients go on there",
                                        claim.node, claim.host));
}

void RemoteWorlds::tell_nodes(double now_s) {
  if (now_s < next_node_beat_s_) return;
  next_node_beat_s_ = now_s + kTellNodes_s;
  NodeBeat beat;
  for (const World& world : worlds_) {
    for (const Process& process : world.processes) {
      if (beat.isa.empty() && process.ready && !process.ready->ranks.empty()) {
        beat.isa = process.ready->ranks.front().kernels;
      }
    }
  }
  for (const Node& node : nodes_) {
    if (!node.peer.empty()) tell(node.peer, beat);
  }
}

std::vector<int32_t> RemoteWorlds::missing_nodes(int32_t world) const {
  std::vector<int32_t> missing;
  for (const ProcessPlace& place : worlds_[static_cast<size_t>(world)].places) {
    const bool is_known = !missing.empty() && missing.back() == place.node;
    if (place.node > 0 && nodes_[static_cast<size_t>(place.node)].peer.empty() && !is_known)
      missing.push_back(place.node);
  }
  return missing;
}

void RemoteWorlds::look_after_nodes(double now_s) {
  for (auto waiting = waiting_nodes_.begin(); waiting != waiting_nodes_.end();) {
    const int32_t number = waiting->hello.node;
    const Node& other = nodes_[static_cast<size_t>(number)];
    const bool is_alive = !other.peer.empty() && other.heard_s > waiting->heard_s;
    if (!is_alive && now_s < waiting->heard_s + kBeats_s) {
      ++waiting;
      continue;
    }
    if (is_alive) {
      refuse_node(waiting->peer, fmt::format("node {} is on {} already: {} has the same --node-rank", number,
                                             other.hello.host, waiting->hello.host));
    } else {
      if (!other.peer.empty()) lose_node(number, false);
      waiting->heard_s = now_s;
      take_node(*waiting);
    }
    waiting = waiting_nodes_.erase(waiting);
  }
  for (int32_t number = 1; number < options_.num_nodes; ++number) {
    const Node& node = nodes_[static_cast<size_t>(number)];
    if (node.peer.empty() || now_s < node.heard_s + options_.silence_s) continue;
    logger_->error("node {} on {} is gone: it has said nothing for {} s", number, node.hello.host, options_.silence_s);
    lose_node(number, false);
  }
}

std::vector<NodeStatus> RemoteWorlds::nodes() const {
  std::vector<NodeStatus> nodes;
  for (int32_t number = 0; number < options_.num_nodes; ++number) {
    const Node& node = nodes_[static_cast<size_t>(number)];
    if (number == options_.front_node) {
      nodes.push_back({.node = number, .host = host_name()});
    } else {
      nodes.push_back({.node = number, .host = node.hello.host, .is_there = !node.peer.empty()});
    }
  }
  if (options_.command) return nodes;
  // A launcher's are the hosts that its processes name.
  for (const World& world : worlds_) {
    for (const Process& process : world.processes) {
      const bool is_known = std::ranges::find(nodes, process.hello.host, &NodeStatus::host) != nodes.end();
      if (!process.ready || is_known) continue;
      nodes.push_back({.node = static_cast<int32_t>(nodes.size()), .host = process.hello.host});
    }
  }
  return nodes;
}

int32_t RemoteWorlds::node_of(const ProcessHello& hello, const std::vector<NodeStatus>& nodes) const {
  if (!options_.command) return std::ranges::find(nodes, hello.host, &NodeStatus::host)->node;
  const auto& places = worlds_[static_cast<size_t>(hello.world)].places;
  const int32_t place = places[static_cast<size_t>(hello.process)].node;
  return place == 0 ? options_.front_node : place;
}

ClusterStatus RemoteWorlds::cluster() const {
  const std::lock_guard lock(mutex_);
  ClusterStatus cluster{.nodes = nodes(), .ranks = {}, .elastic = elastic_status()};
  for (const World& world : worlds_) {
    for (const Process& process : world.processes) {
      if (!process.ready) continue;
      for (size_t i = 0; i < process.ready->ranks.size(); ++i) {
        RankStatus rank = process.ready->ranks[i];
        rank.node = node_of(process.hello, cluster.nodes);
        if (i < process.counts.size()) rank.counts = process.counts[i];
        cluster.ranks.push_back(std::move(rank));
      }
    }
  }
  std::ranges::sort(cluster.ranks, {}, &RankStatus::rank);
  return cluster;
}

// Its commands end with it.
void RemoteWorlds::lose_node(int32_t number, bool is_told) {
  if (elastic_) elastic_->go(number, is_told, monotonic_seconds());
  if (number == options_.standby.node && options_.standby.journal != nullptr) {
    options_.standby.journal->disconnect_standby();
  }
  const PeerId peer = std::exchange(nodes_[static_cast<size_t>(number)], {}).peer;
  for (const NodeCommands::Letter& letter : commands_.lose(peer)) tell(letter);
}

}  // namespace braid
