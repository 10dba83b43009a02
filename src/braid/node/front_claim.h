// Tells node 0 that another node has taken over from it, whenever it comes back or can be reached again: two fronts
// must not serve. Tested by tests/cluster/test_standby.py.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "braid/wire/process_message.h"
#include "braid/wire/transport/process_link.h"

namespace braid {

class FrontClaimSender final : private ProcessLinkOwner {
 public:
  // `node_0`: where its front would listen.
  FrontClaimSender(ProcessLinkOptions node_0, FrontClaim claim);
  ~FrontClaimSender() override;

 private:
  void on_message(LinkMessageKind, SharedBytes) override {}
  void on_lost(const std::string& why) override;
  void run();
  void claim_once();

  const ProcessLinkOptions node_0_;
  const FrontClaim claim_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_lost_ = false;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace braid
