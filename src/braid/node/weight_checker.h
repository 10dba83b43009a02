// Answers the front's wish to have a process's weights checked, on a thread of its own. Tested by
// tests/e2e/test_check_weights.py.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "braid/wire/process_message.h"
#include "braid/worker/weight_check.h"

namespace braid {

class WeightChecker {
 public:
  // `tell` sends to the front, and may wait: it is called on a thread of this object alone.
  explicit WeightChecker(std::function<void(const ProcessMessage&)> tell);

  // Before the first wish. The check outlives this object.
  void use(WeightCheck& check);

  // From the link's thread. Does not wait. A wish that comes while another is answered waits its turn, or replaces the
  // one that waits: the front has given that one up.
  void take(const WeightsWanted& wanted);

 private:
  void answer_all(const std::stop_token& stop);

  const std::function<void(const ProcessMessage&)> tell_;
  std::mutex mutex_;
  std::condition_variable_any asked_;
  WeightCheck* check_ = nullptr;
  std::optional<WeightsWanted> wanted_;
  std::jthread thread_;  // the last member: it uses the others, and ends a check that is under way
};

}  // namespace braid
