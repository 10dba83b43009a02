// Links between the front and the processes that have ranks, over ZeroMQ: messages both ways over one connection for
// each process, in order and encrypted (CURVE). Each end has a thread of its own, which calls its owner. Tested by
// process_link_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "braid/base/result.h"
#include "braid/wire/shared_bytes.h"
#include "braid/wire/transport/link.h"
#include "braid/wire/transport/zmq_curve.h"

namespace braid {

enum class LinkMessageKind : char {
  kMap = 'M',      // an AssignmentMap, to a process
  kOutputs = 'O',  // a GroupOutputs, to the front
  kMessage = 'P',  // a ProcessMessage, either way
};

// What tells the processes of a front apart, for as long as they are connected. Made by the library.
using PeerId = std::string;

class FrontLinkOwner {
 public:
  virtual ~FrontLinkOwner() = default;
  // These are called on the link's thread.
  virtual void on_message(const PeerId& peer, LinkMessageKind kind, SharedBytes body) = 0;
  // The process takes nothing any more, or is not connected.
  virtual void on_unreachable(const PeerId& peer) = 0;
  // Something came that no process sends, or somebody without a key.
  virtual void on_garbage(const std::string& what) = 0;
};

struct FrontLinkOptions {
  std::string endpoint;  // "ipc://PATH", or "tcp://HOST:PORT", where the port may be *
  CurveServer keys;
  LinkLimits limits;
  int socket = -1;  // of a TCP endpoint: bound to it already (bound_socket.h), and the link's from now on
};

class FrontLink {
 public:
  virtual ~FrontLink() = default;  // closes it

  // The owner outlives the link.
  static Result<std::unique_ptr<FrontLink>> listen(const FrontLinkOptions& options, FrontLinkOwner& owner);

  virtual const std::string& endpoint() const = 0;  // with the chosen port
  // From any thread. Does not wait; what cannot be sent is told by on_unreachable().
  virtual void send(const PeerId& peer, LinkMessageKind kind, SharedBytes body) = 0;

  // Ends the thread after what was sent has left. The owner is not called any more, and sends do nothing.
  virtual void close() = 0;
};

class ProcessLinkOwner {
 public:
  virtual ~ProcessLinkOwner() = default;
  // These are called on the link's thread.
  virtual void on_message(LinkMessageKind kind, SharedBytes body) = 0;
  // The front is gone, refuses this process, or takes nothing any more. Called once, and nothing after it.
  virtual void on_lost(const std::string& why) = 0;
};

struct ProcessLinkOptions {
  std::string endpoint;  // of the front
  CurveClient keys;
  LinkLimits limits;
};

class ProcessLink {
 public:
  virtual ~ProcessLink() = default;  // closes it; what was sent leaves within a second

  // The owner outlives the link.
  static Result<std::unique_ptr<ProcessLink>> connect(const ProcessLinkOptions& options, ProcessLinkOwner& owner);

  // From any thread. Waits while max_queued messages have not left; does nothing once the front is lost.
  virtual void send(LinkMessageKind kind, SharedBytes body) = 0;

  // As FrontLink's.
  virtual void close() = 0;
};

}  // namespace braid
