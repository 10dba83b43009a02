// A profile of ranks in other processes, as the front makes it: it tells every process to record, collects what they
// have recorded while they go on, so that little is lost with one that dies, and puts all of it on the front's clock. A
// state machine: the caller passes what comes and what time it is, in monotonic_seconds(), and sends what it says.
// Tested by cluster_profile_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "braid/node/clock_offset.h"
#include "braid/wire/process_message.h"
#include "braid/wire/profile.h"
#include "braid/wire/transport/process_link.h"

namespace braid {

class ClusterProfile {
 public:
  static constexpr size_t kReadings = 20;    // of a process's clock, at the start and at the end
  static constexpr double kCollect_s = 0.5;  // how often what was recorded is asked for
  static constexpr double kSilence_s = 10;   // within which an answer comes

  // `id` is not that of an earlier profile. `system`: boot_id() of the front's host.
  ClusterProfile(uint64_t id, std::string system) : id_(id), system_(std::move(system)) {}

  uint64_t id() const { return id_; }
  // A process that is ready. `process` has its ranks, without spans; `system` is the boot_id() of its host. Nothing
  // after end().
  void add(const PeerId& peer, ProfiledProcess process, const std::string& system, double now_s);
  // What another profile asked for, or a process that is not known, says nothing.
  void take(const PeerId& peer, ProfilePart part, double now_s);
  void take(const PeerId& peer, const ClockAnswer& answer, double now_s);
  // The process is gone.
  void lose(const PeerId& peer, const std::string& reason);

  // Asks for what was recorded, when it is time for that, and gives up processes that say nothing.
  void look(double now_s);
  // All record no more.
  void end(double now_s);
  // All that will come has come, after end().
  bool is_whole() const;

  struct Outgoing {
    PeerId peer;
    ProcessMessage message;
  };
  // What is to be sent since the last call, at once: clocks are read by how long an answer takes.
  std::vector<Outgoing> outgoing() { return std::exchange(outgoing_, {}); }

  // In the order of ranks; of the same ranks, in that of add(). What has not come yet is missing.
  Profile profile() &&;

 private:
  struct Source {
    PeerId peer;  // empty: nothing more comes from it
    std::string system;
    ProfiledProcess process;
    std::vector<std::vector<std::vector<TraceSpan>>> parts;  // [ranks] as they came
    std::vector<size_t> num_spans;                           // [ranks]
    double waits_since_s = 0;                                // for an answer
    double next_collect_s = 0;
    bool is_asked = false;       // for a part
    bool is_asked_last = false;  // for the rest
    bool has_all = false;        // of its spans
    bool is_whole = false;       // nothing more comes
    uint64_t question = 0;       // the last about its clock
    std::optional<double> asked_s;
    std::vector<ClockReading> first_readings;
    std::vector<ClockReading> last_readings;
  };

  Source* find(const PeerId& peer);
  void ask_for_part(Source& source, double now_s);
  void ask_clock(Source& source, double now_s);
  void give_up(Source& source, const std::string& reason);
  void place(Source& source) const;

  const uint64_t id_;
  const std::string system_;
  bool is_ending_ = false;
  std::vector<Source> sources_;
  std::vector<Outgoing> outgoing_;
};

}  // namespace braid
