// What the front and a process with ranks tell each other, beside assignment maps and groups' outputs. Plain data.
//
// A process says hello, is told where to start, loads its ranks, and is ready. Then it is sent maps, and sends outputs,
// until it is told to stop or its world fails. The processes of a world are sent the same maps and news, so that they
// count the same (Parking).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "braid/base/patience.h"
#include "braid/base/step_trace.h"
#include "braid/parallel/exchange_costs.h"
#include "braid/request/ids.h"
#include "braid/wire/cluster_status.h"
#include "braid/wire/group_load.h"
#include "braid/wire/image_counts.h"
#include "braid/wire/journal_part.h"

namespace braid {

// To the front.

struct ProcessHello {
  int32_t world = 0;
  int32_t num_restarts = 0;   // of the world, with this start
  int32_t process = 0;        // of the world's
  int32_t num_processes = 1;  // that the world has
  int64_t pid = 0;
  std::string host;
  std::string system;  // boot_id() of its host

  bool operator==(const ProcessHello&) const = default;
};

// Its ranks wait for work.
struct ProcessReady {
  GroupLoad load;  // of each group
  int32_t context_len = 0;
  int64_t num_kv_tokens = 0;       // the capacity of one group
  int64_t max_moving_tokens = 0;   // as RankSet's
  std::vector<int32_t> published;  // the groups of its world whose publishers it has
  std::vector<RankStatus> ranks;   // its own; their nodes are left open
  int64_t num_kept_tokens = 0;     // of the published groups, whose keys and values are there from the last start
  ExchangeCosts exchange_costs;    // as its world measured them; no points: nothing was measured

  bool operator==(const ProcessReady&) const = default;
};

// Its world has ended, or cannot begin: the last message.
struct ProcessFailure {
  std::string reason;  // one line, then what each rank did, where that is known

  bool operator==(const ProcessFailure&) const = default;
};

// What its compute threads have done so far. Comes many times a second, so that silence says that it is gone.
struct ProcessProgress {
  Progress progress;
  std::vector<RankCounts> ranks;  // as in ProcessReady; none before that
  ImageCounts images = {};

  bool operator==(const ProcessProgress&) const = default;
};

// A step samples this request's token at `position`, and needs its mask.
struct MaskWanted {
  RequestId request = 0;
  int32_t position = 0;

  bool operator==(const MaskWanted&) const = default;
};

// To a process.

struct ProcessStart {
  std::vector<uint64_t> last_maps;  // the number of the last map that each group of the world was sent
  ExchangeCosts exchange_costs;     // as the world measured them when it started before; no points: it has not
  int32_t least_context_len = 0;    // that its pools must hold; 0: whatever there is memory for

  bool operator==(const ProcessStart&) const = default;
};

struct MaskAnswer {
  RequestId request = 0;
  int32_t position = 0;
  std::vector<uint32_t> words;  // as TokenMask; none: any token
  std::string error;            // not empty: there is no mask, and the request ends with this

  bool operator==(const MaskAnswer&) const = default;
};

// An assignment map for one of its groups alone (DispatchMode::kDirect).
struct DirectMap {
  int32_t group = 0;
  std::vector<std::byte> map;

  bool operator==(const DirectMap&) const = default;
};

// Another process of its world was sent a map that is not for this one. From a process: its world is to look for work,
// such as a request whose images have been made; all processes of the world are told.
struct ProcessNews {
  bool operator==(const ProcessNews&) const = default;
};

// Says nothing. That it cannot be sent says that the process is gone.
struct ProcessBeat {
  bool operator==(const ProcessBeat&) const = default;
};

// End after the step that is under way.
struct ProcessStop {
  bool operator==(const ProcessStop&) const = default;
};

// Between the front and the other nodes, whose agents start processes there.

struct NodeHello {
  int32_t node = 0;
  int32_t num_nodes = 1;
  int64_t pid = 0;
  std::string host;
  std::string identity;  // what must be the same on all nodes, in one line

  bool operator==(const NodeHello&) const = default;
};

// The node does not fit: its agent ends with this.
struct NodeRefusal {
  std::string reason;

  bool operator==(const NodeRefusal&) const = default;
};

// From `braid node-run`: the front passes the command on to the node.
struct RunOnNode {
  int32_t node = 0;
  int32_t world = 0;    // which the command is for
  std::string command;  // for a shell

  bool operator==(const RunOnNode&) const = default;
};

struct RunCommand {
  uint64_t id = 0;
  int32_t world = 0;
  std::string command;

  bool operator==(const RunCommand&) const = default;
};

struct CommandEnded {
  uint64_t id = 0;
  int32_t exit_code = 0;  // as a shell's: 128 + the number of a signal
  std::string ending;     // "signal 9 (Killed)"

  bool operator==(const CommandEnded&) const = default;
};

// Kill all commands for the world.
struct EndCommands {
  int32_t world = 0;

  bool operator==(const EndCommands&) const = default;
};

// To a node: it answers at once, so that its clock can be read (ClockOffset).
struct NodeQuestion {
  uint64_t id = 0;

  bool operator==(const NodeQuestion&) const = default;
};

struct NodeAnswer {
  uint64_t id = 0;    // the question's
  double unix_s = 0;  // what the node's clock says
  std::string isa;    // in which its ranks would compute

  bool operator==(const NodeAnswer&) const = default;
};

// A profile (cluster_profile.h). Each has a number, so that nothing of an earlier one is taken for the next.

// To a process: it records what its ranks do, and drops what it had recorded before.
struct ProfileStart {
  uint64_t id = 0;

  bool operator==(const ProfileStart&) const = default;
};

// To a process: it sends a part of what it has recorded and not sent yet.
struct ProfileWanted {
  uint64_t id = 0;
  bool is_last = false;  // it records no more

  bool operator==(const ProfileWanted&) const = default;
};

struct ProfilePart {
  static constexpr size_t kMaxSpans = size_t{1} << 14;  // half a megabyte: tokens do not wait for long behind it

  uint64_t id = 0;
  int32_t rank = 0;       // whose spans these are, counted from the process's first
  bool has_more = false;  // there are more to be asked for
  std::vector<TraceSpan> spans;

  bool operator==(const ProfilePart&) const = default;
};

// To a process: it compares the pages of its weights with what it has loaded.
struct WeightsWanted {
  uint64_t id = 0;

  bool operator==(const WeightsWanted&) const = default;
};

struct WeightsChecked {
  uint64_t id = 0;        // as asked
  int64_t num_pages = 0;  // what its ranks share counts once, here and below
  int64_t num_bad_pages = 0;
  std::vector<RankWeights> ranks;  // as in ProcessReady

  bool operator==(const WeightsChecked&) const = default;
};

// To a process: it answers at once, so that its clock can be read (ClockOffset).
struct ClockQuestion {
  uint64_t id = 0;

  bool operator==(const ClockQuestion&) const = default;
};

struct ClockAnswer {
  uint64_t id = 0;         // the question's
  double monotonic_s = 0;  // when the question came, by the clock of its spans

  bool operator==(const ClockAnswer&) const = default;
};

// To a node, again and again: silence says that node 0 is gone.
struct NodeBeat {
  std::string isa;  // in which the ranks compute; empty: they are not ready

  bool operator==(const NodeBeat&) const = default;
};

// From a node that was told to end: what runs there ends with it.
struct NodeLeaving {
  bool operator==(const NodeLeaving&) const = default;
};

// From a node that stood by and has taken over, to node 0, which must end if it lives.
struct FrontClaim {
  int32_t node = 0;
  std::string host;

  bool operator==(const FrontClaim&) const = default;
};

using ProcessMessage =
    std::variant<ProcessHello, ProcessReady, ProcessFailure, ProcessProgress, MaskWanted, ProcessStart, MaskAnswer,
                 DirectMap, ProcessNews, ProcessStop, NodeHello, NodeRefusal, RunOnNode, RunCommand, CommandEnded,
                 EndCommands, ProcessBeat, NodeQuestion, NodeAnswer, ProfileStart, ProfileWanted, ProfilePart,
                 ClockQuestion, ClockAnswer, NodeBeat, JournalPart, JournalKept, FrontClaim, NodeLeaving, WeightsWanted,
                 WeightsChecked>;

}  // namespace braid
