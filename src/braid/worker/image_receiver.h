// A group's images in a process that does not have its publisher. The publisher says what comes, what is to be made
// here, and what need not be kept; this process reports what is settled. So the publisher alone decides which requests
// may start, and none decides by what only it knows. Used by the thread of the group's first rank here. Tested by
// image_carrier_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "braid/worker/image_carrier.h"
#include "braid/worker/image_report.h"
#include "braid/worker/image_store.h"

namespace braid {

class ImageReceiver {
 public:
  // `process`: this one's number in the group. `images` outlives the receiver.
  ImageReceiver(ImageStore& images, int32_t process) : images_(images), process_(process) {}

  // Called on any thread when an image has been made here, also after the receiver's end. Before the first message.
  void on_made(std::function<void()> call) { on_made_ = std::move(call); }

  // From the publisher.
  void take(const PlanImages& message);
  // Features from another process.
  void take_made(const PlanImages& message);

  // Once a round.
  ImageReport report();
  // What this process has made for the others; once a round. Valid until the next message is taken.
  std::vector<PlanImages> take_messages();

 private:
  struct Item {
    ImageKey key = {};
    std::optional<ImageStore::Use> use;  // absent: it could not be taken
  };

  ImageStore& images_;
  const int32_t process_;
  std::function<void()> on_made_;
  std::map<ImageKey, ImageStore::Keep> kept_;
  std::deque<Item> items_;         // not settled yet, in order
  std::vector<ImageKey> to_send_;  // being made here for all
  std::vector<ImageKey> offered_;  // in this round
  std::vector<ImageKey> opened_;   // in the last round, which all others have ended once a header comes from each
  uint64_t num_settled_ = 0;
};

}  // namespace braid
