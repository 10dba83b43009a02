// The images of a group whose ranks are in several processes, at its publisher. It decides for each image who makes it
// and how the others get it (image_strategy.h), stamps that on what it sends, and lets a request start once every
// process has reported its images as settled. So no step waits for an image, and no rank decides by what only it knows.
//
// Where making or sending fails for another reason than the image's own, every process is told to make the image
// itself, once; where they can only make it together (ImageProcesses::share_tower), it is made once more and sent
// as bytes. If that fails too, the request ends with an error. Used by the publisher's thread. Tested by
// image_carrier_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/log.h"
#include "braid/worker/image_carrier.h"
#include "braid/worker/image_desk.h"
#include "braid/worker/image_report.h"
#include "braid/worker/image_store.h"

namespace braid {

class ImageSender final : public ImageDesk {
 public:
  // `processes`: of the group; the publisher's is number 0. `images` outlives the sender. `log` may be null.
  ImageSender(ImageStore& images, const ImageCarrierOptions& options, ImageProcesses processes, Logger* log = nullptr);

  // Called on any thread when an image has been made here, also after the sender's end. Before the first request.
  void on_made(std::function<void()> call) { on_made_ = std::move(call); }
  void see_link(double message_s, double bytes_per_s);  // measured, to other hosts

  void want(RequestId request, std::span<const RequestImage> images) override;
  void release(RequestId request) override;
  std::optional<ImagesState> state(RequestId request) override;

  // What all other processes must be sent now; once a round. Valid until the next call of anything.
  std::vector<PlanImages> take_messages();
  // What process number `process` reports in its header.
  void see(int32_t process, const ImageReport& report);
  // Features from another process.
  void take_made(const PlanImages& message);

 private:
  struct Record {
    RequestImage image;  // its bytes until it is settled
    int32_t num_users = 0;
    MmStrategy strategy = MmStrategy::kBatch;
    int32_t maker = 0;
    uint64_t item = 0;        // its number in what was sent; 0: it waits to be sent
    bool was_sent = false;    // others may hold it
    bool is_offered = false;  // they have been told where it lies, and may not have opened it yet
    bool is_settled = false;
    bool has_fallen_back = false;
    std::optional<ImageStore::Use> use;  // while a request needs it, or a process may lack it
    std::string error;                   // not all processes can come by it
    bool is_bad = false;                 // then because of the image itself
    int64_t bytes = 0;                   // of its features, once it is settled
  };
  using Records = std::map<ImageKey, Record>;

  MmStrategy strategy_for(std::span<const ImageKey> keys) const;
  void begin(const ImageKey& key, MmStrategy strategy);
  void fall_back(const ImageKey& key, const std::string& why, bool is_news);
  void count_fallback(const std::string& why);
  void settle_arrived();
  bool try_settle(const ImageKey& key);
  void unsettle(const ImageKey& key);
  void forget(const ImageKey& key);
  CarriedImage offered(const ImageKey& key);
  void drop_oldest();
  bool is_made_here_alone(const Record& record) const;
  // Take from the unsent, and add to the messages.
  void send_ready(std::vector<PlanImages>& messages);
  void send_made(MmStrategy strategy, std::span<const ImageKey> keys, std::vector<PlanImages>& messages);
  void send_to_make(MmStrategy strategy, std::vector<PlanImages>& messages);
  void number(std::span<const PlanImages> messages);

  ImageStore& images_;
  const ImageCarrierOptions options_;
  ImageProcesses processes_;
  Logger* const log_;
  std::function<void()> on_made_;
  Records records_;
  std::map<RequestId, std::vector<ImageKey>> requests_;
  std::vector<ImageKey> unsent_;  // of records, in order of arrival
  std::map<uint64_t, ImageKey> in_flight_;
  std::vector<uint64_t> num_settled_;  // by process; that of the publisher counts nothing
  std::deque<ImageKey> in_order_;      // settled, the oldest first
  std::vector<ImageKey> dropped_;
  int64_t bytes_ = 0;  // of those settled
  uint64_t last_item_ = 0;
  int32_t next_maker_ = 0;
};

}  // namespace braid
