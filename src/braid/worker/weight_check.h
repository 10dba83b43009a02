// A check of a process's weights beside its running steps, and what the last one found. Tested by weight_check_test.cc.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "braid/weights/weight_pages.h"
#include "braid/wire/process_message.h"

namespace braid {

class WeightCheck {
 public:
  // Ranks are those of the process, counted from its first.
  WeightCheck(WeightPages pages, int32_t num_ranks);

  // Compares all pages with what was loaded. Works half of the time, and in short turns (base/background.h), so that
  // steps keep their CPUs and most of the memory's bandwidth: some gigabytes a second. From any thread, one at a time.
  // Absent: it was stopped.
  std::optional<WeightsChecked> run(const std::stop_token& stop = {});

  const WeightPages& pages() const { return pages_; }

  // As the last run() found them. From any thread.
  RankWeights last(int32_t rank) const;

 private:
  WeightsChecked result(const std::vector<WeightPages::Damage>& damages) const;

  const WeightPages pages_;
  const int32_t num_ranks_;
  mutable std::mutex mutex_;
  std::vector<RankWeights> last_;  // [ranks]
};

}  // namespace braid
