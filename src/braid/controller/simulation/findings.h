// For tests: the properties of a simulated run, a finding that breaks one, and the bugs that can be seeded on purpose.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

enum class SimulatedProperty : uint8_t {
  kAnsweredOnce,     // no request is lost, answered twice, or answered with another's tokens
  kSameCollectives,  // all ranks of a world enter the same collectives
  kNothingWaits,     // nothing waits for ever
  // No group with room is idle for longer than it must while a request waits that it could take, and no group holds a
  // request for longer than the alignment bound.
  kNoGroupStarves,
  kAllComesBack,      // credits and pages
  kPrefixesAreKnown,  // what a group at rest has cached, the controller knows
};

inline std::string_view simulated_property_name(SimulatedProperty property) {
  switch (property) {
    case SimulatedProperty::kAnsweredOnce:
      return "a request is lost or answered twice";
    case SimulatedProperty::kSameCollectives:
      return "ranks enter different collectives";
    case SimulatedProperty::kNothingWaits:
      return "something waits for ever";
    case SimulatedProperty::kNoGroupStarves:
      return "a group is idle though a request waits";
    case SimulatedProperty::kAllComesBack:
      return "credits or pages do not come back";
    case SimulatedProperty::kPrefixesAreKnown:
      return "the controller does not know what a group has cached";
  }
  return "";
}

struct SimulatedFinding {
  SimulatedProperty property = SimulatedProperty::kAnsweredOnce;
  int64_t time_us = 0;
  std::string what;
};

// Bugs that were, or could be, in the drivers and the links around the state machines.
enum class SeededBug : uint8_t {
  kNone,
  kOutputsArriveTwice,  // a link delivers some outputs again
  kOutputsAreLost,      // some outputs never arrive
  kIdleRanksStayAway,   // a rank whose group is idle parks without asking the others
  kCountIsReadLate,     // a rank reads the work count after it has taken its inbox
  kDispatchForgotten,   // the controller binds waiting requests only when a new one arrives
  kCreditsLeak,         // a group's outputs sometimes report one credit less, permanently
  kPagesLeaveLate,      // moving pages are copied after the step has written to them
  kPagesAreMixedUp,     // a rank takes another move's pages
  kSourceGoesOn,        // a group continues a request that left it
  kRestartIsNotTold,    // a world that runs again does not say so
  kHoldsAreNotCounted,  // groups report that they hold a prefill, but not for how long
};

}  // namespace braid
