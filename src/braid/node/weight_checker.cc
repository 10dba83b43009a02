#include "braid/node/weight_checker.h"

#include <utility>

namespace braid {

WeightChecker::WeightChecker(std::function<void(const ProcessMessage&)> tell)
    : tell_(std::move(tell)), thread_([this](const std::stop_token& stop) { answer_all(stop); }) {}

void WeightChecker::use(WeightCheck& check) {
  const std::lock_guard lock(mutex_);
  check_ = &check;
}

void WeightChecker::take(const WeightsWanted& wanted) {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = wanted;
  }
  asked_.notify_one();
}

void WeightChecker::answer_all(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (asked_.wait(lock, stop, [&] { return check_ != nullptr && wanted_.has_value(); })) {
    const WeightsWanted wanted = *std::exchange(wanted_, std::nullopt);
    lock.unlock();
    auto checked = check_->run(stop);
    if (!checked) return;
    checked->id = wanted.id;
    tell_(*std::move(checked));
    lock.lock();
  }
}

}  // namespace braid
