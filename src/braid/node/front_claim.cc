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

// The link waits for somebody to listen, and what was sent leaves then. A connection that ends needs a new link.
void FrontClaimSender::run() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    is_lost_ = false;
    lock.unlock();
    auto link = ProcessLink::connect(node_0_, *this);
    if (link.ok()) (*link)->send(LinkMessageKind::kMessage, encode(ProcessMessage(claim_)));
    lock.lock();
    if (link.ok()) changed_.wait(lock, [&] { return is_lost_ || is_ending_; });
    lock.unlock();
    if (link.ok()) (*link).reset();
    lock.lock();
    changed_.wait_for(lock, kPauseAfterClaim, [&] { return is_ending_; });
  }
}

}  // namespace braid
