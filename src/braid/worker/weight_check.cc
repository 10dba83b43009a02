#include "braid/worker/weight_check.h"

#include <chrono>
#include <thread>
#include <utility>

#include "braid/base/background.h"
#include "braid/base/clock.h"

namespace braid {
namespace {

// Sleeps half of the time, after each millisecond of work for as long.
class HalfOfTheTime {
 public:
  void pause_if_due() {
    constexpr double kWork_s = 1e-3;
    if (monotonic_seconds() < since_s_ + kWork_s) return;
    std::this_thread::sleep_for(std::chrono::duration<double>(kWork_s));
    since_s_ = monotonic_seconds();
  }

 private:
  double since_s_ = monotonic_seconds();
};

}  // namespace

WeightCheck::WeightCheck(WeightPages pages, int32_t num_ranks)
    : pages_(std::move(pages)), num_ranks_(num_ranks), last_(static_cast<size_t>(num_ranks)) {}

std::optional<WeightsChecked> WeightCheck::run(const std::stop_token& stop) {
  const ShortTurns turns;
  HalfOfTheTime pace;
  const std::optional<std::vector<WeightPages::Damage>> damages = pages_.find_damage([&] {
    pace.pause_if_due();
    return !stop.stop_requested();
  });
  if (!damages) return std::nullopt;
  WeightsChecked checked = result(*damages);
  const std::lock_guard lock(mutex_);
  last_ = checked.ranks;
  return checked;
}

RankWeights WeightCheck::last(int32_t rank) const {
  const std::lock_guard lock(mutex_);
  return last_[static_cast<size_t>(rank)];
}

WeightsChecked WeightCheck::result(const std::vector<WeightPages::Damage>& damages) const {
  WeightsChecked checked{.num_pages = pages_.num_pages(), .ranks = {}};
  checked.ranks.resize(static_cast<size_t>(num_ranks_), {.checked_unix_s = unix_seconds()});
  for (const WeightMemory& memory : pages_.memory()) {
    for (const int32_t rank : memory.ranks) {
      checked.ranks[static_cast<size_t>(rank)].num_pages += WeightPages::pages_of(memory);
    }
  }
  for (const WeightPages::Damage& damage : damages) {
    checked.num_bad_pages += damage.num_bad_pages;
    const WeightMemory& memory = pages_.memory()[damage.memory];
    for (const int32_t rank : memory.ranks) {
      RankWeights& own = checked.ranks[static_cast<size_t>(rank)];
      own.num_bad_pages += damage.num_bad_pages;
      if (own.damaged.size() < RankWeights::kMaxDamaged) {
        own.damaged.push_back({.tensors = memory.tensors, .num_bad_pages = damage.num_bad_pages});
      }
    }
  }
  return checked;
}

}  // namespace braid
