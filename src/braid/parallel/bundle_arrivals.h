// The bundles (message_bundle.h) that come from other processes. A short one, or a message that is no bundle, may come
// while a longer one before it is on its way, so each process's are opened in the order sent. A state machine over the
// processes' port; ProcessMail calls it under the port's lock. Tested by process_world_test.cc and
// communicator_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/base/result.h"
#include "braid/parallel/bundle_queue.h"
#include "braid/parallel/byte_pool.h"
#include "braid/parallel/message_grid.h"
#include "braid/parallel/message_head.h"
#include "braid/parallel/process_port.h"

namespace braid {

class BundleArrivals {
 public:
  // Takes what one rank has sent to one of ours. `purpose`: kInWorld or kInGroup.
  using Push = std::function<void(HeadType purpose, int32_t from, int32_t to, Message message)>;

  BundleArrivals(ProcessPort& port, int32_t num_processes, BytePool& pool, Push push);

  // `back`: what the receivers send to the senders, which says who these are; null: there are no such bundles. An error
  // if the head says otherwise, or if a bundle is none.
  Status deliver(const DecodedMessage& message, HeadType purpose, const BundleQueue* back, int32_t process);
  // Takes a message that is no bundle: behind those of its purpose that are still on their way.
  void pass(HeadType purpose, int32_t process, int32_t from, int32_t to, Message message);
  // Opens what is there by now. The first error, after all were tried.
  Status look_after();
  bool is_receiving() const;

 private:
  struct Arriving {
    HeadType purpose = HeadType::kInWorld;
    IndexRange senders;
    IndexRange receivers;
    EncodedBundle bundle;
    std::optional<PortRequest> request;  // absent: it is there
    std::optional<Message> message;      // no bundle: from senders.begin to receivers.begin
  };

  Status open(std::deque<Arriving>& arrived);

  ProcessPort& port_;
  BytePool& pool_;
  const Push push_;
  std::vector<std::deque<Arriving>> arrived_;  // from each process, in the order sent
};

}  // namespace braid
