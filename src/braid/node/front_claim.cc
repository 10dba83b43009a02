#include "braid/node/front_claim.h"

#include <chrono>
#include <utility>

#include "braid/wire/process_message_codec.h"

namespace braid {
namespace {

constexpr std::chrono::seconds kPauseAfterClaim{2};

}  // namespace

FrontClaimSender::FrontClaimSender(ProcessLinkOptions node_0, FrontClaim claim)
    : node_0_(std::move(node_0)), claim_(std::move(claim)), thread_([this] { run(); }) {}

FrontClaimSender::~FrontClaimSender() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void FrontClaimSender::on_lost(const std::string& /*why*/) {
  {
    const std::lock_guard lock(mutex_);
    is_lost_ = true;
  }
  changed_.notify_all();
}

void FrontClaimSender::run() {
  for (;;) {
    claim_once();
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kPauseAfterClaim, [&] { return is_ending_; })) return;
  }
}

// The link waits for somebody to listen, and what was sent leaves then. A connection that ends needs a new link.
void FrontClaimSender::claim_once() {
  {
    const std::lock_guard lock(mutex_);
    is_lost_ = false;
  }
  const auto link = ProcessLink::connect(node_0_, *this);
  if (!link.ok()) return;
  (*link)->send(LinkMessageKind::kMessage, encode(ProcessMessage(claim_)));
  std::unique_lock lock(mutex_);  // free again before the link closes, which may call this object
  changed_.wait(lock, [&] { return is_lost_ || is_ending_; });
}

}  // namespace braid
