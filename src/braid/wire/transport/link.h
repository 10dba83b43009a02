// How the controller and the groups' publishers reach each other: maps down, outputs up, as bytes that nobody here
// reads. One thread uses one end; wake() alone may come from any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "braid/base/result.h"
#include "braid/wire/shared_bytes.h"

namespace braid {

// Both ends of a link are bounded: who sends more than this waits, and then gets an error.
struct LinkLimits {
  int32_t max_queued = 256;                      // messages to one receiver
  int64_t max_message_bytes = int64_t{1} << 28;  // of one that is received
  double send_timeout_s = 5.0;                   // how long a full queue is waited for
};

// What the controller hears.
struct LinkEvent {
  enum class Kind : uint8_t {
    kJoined,   // the group's publisher is there: maps reach it from now on
    kLeft,     // it is gone
    kOutputs,  // it sent `bytes`
    kGarbage,  // somebody sent what no publisher sends
  };
  Kind kind = Kind::kOutputs;
  int32_t group = -1;  // of kGarbage: -1 if unknown
  SharedBytes bytes;
  std::string reason;  // of kGarbage
};

class ControllerLink {
 public:
  virtual ~ControllerLink() = default;

  // The same buffer to every publisher that is there, or to one. An error when a queue stays full, or nobody is there.
  virtual Status send_to_all(SharedBytes map) = 0;
  virtual Status send_to(int32_t group, SharedBytes map) = 0;

  // The next event, or nothing after `timeout_s` or a wake().
  virtual Result<std::optional<LinkEvent>> receive(double timeout_s) = 0;
  virtual void wake() = 0;
};

class PublisherLink {
 public:
  virtual ~PublisherLink() = default;

  // The next map, or nothing after `timeout_s` or a wake(). An error when the controller is gone.
  virtual Result<std::optional<SharedBytes>> receive(double timeout_s) = 0;
  virtual Status send(SharedBytes outputs) = 0;
  virtual void wake() = 0;
};

}  // namespace braid
