// Ranks as threads of this process. Tested by dispatch_test.cc.
#include <thread>
#include <utility>
#include <vector>

#include "braid/bench/dispatch/rank_loops.h"
#include "braid/bench/dispatch/ranks.h"
#include "braid/wire/transport/in_process_link.h"

namespace braid::dispatch {
namespace {

class RankThreads : public Ranks {
 public:
  explicit RankThreads(const RankLayout& layout) {
    const int32_t num_subscribers = layout.ranks_per_group - 1;
    InProcessLinks top = make_in_process_links(layout.num_groups, link_limits());
    controller_ = std::move(top.controller);
    statuses_.resize(static_cast<size_t>(layout.num_groups) * static_cast<size_t>(layout.ranks_per_group));
    size_t next = 0;
    for (int32_t group = 0; group < layout.num_groups; ++group) {
      InProcessLinks below = make_in_process_links(num_subscribers, link_limits());
      for (auto& up : below.publishers) {
        threads_.emplace_back([&status = statuses_[next++], up = std::move(up)] { status = run_subscriber(*up); });
      }
      threads_.emplace_back([&status = statuses_[next++], up = std::move(top.publishers[static_cast<size_t>(group)]),
                             down = std::move(below.controller), group, layout, num_subscribers] {
        status = wait_for_all(*down, num_subscribers, [] { return Status(); });
        if (!status.ok()) return;
        status =
            run_publisher(*up, num_subscribers > 0 ? down.get() : nullptr, group, layout.num_groups, num_subscribers);
      });
    }
  }
  // Closing the controller's end makes all others end by themselves.
  ~RankThreads() override {
    controller_.reset();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  ControllerLink& link() override { return *controller_; }
  Status check() override { return {}; }
  Status join() override {
    for (std::thread& thread : threads_) thread.join();
    for (const Status& status : statuses_) TRY_STATUS(Status(status));
    return {};
  }

 private:
  std::unique_ptr<ControllerLink> controller_;
  std::vector<Status> statuses_;
  std::vector<std::thread> threads_;
};

}  // namespace

Result<std::unique_ptr<Ranks>> start_threads(const RankLayout& layout) {
  return std::unique_ptr<Ranks>(std::make_unique<RankThreads>(layout));
}

}  // namespace braid::dispatch
