#include "braid/base/spare_caller.h"

#include <utility>

#include "braid/base/background.h"
#include "braid/base/clock.h"

namespace braid {

SpareCaller::~SpareCaller() {
  if (helper_ != nullptr && !helper_->has_ended(0)) helper_->leave_behind([] {});
}

bool SpareCaller::run(std::function<void()> call) {
  constexpr double kLook_s = 0.01;
  const double start_s = monotonic_seconds();
  if (!spare_.is_worth_a_try(start_s)) return false;
  if (helper_ == nullptr) helper_ = std::make_unique<HelperThread>();
  if (!helper_->has_ended(0)) return false;  // still at what was given up
  const double cpu_s = helper_->cpu_s();
  helper_->begin([call = std::move(call)] {
    work_in_spare_time();
    call();
  });
  while (!helper_->has_ended(kLook_s)) {
    const double now_s = monotonic_seconds();
    if (!SpareTime::is_starved(now_s - start_s, helper_->cpu_s() - cpu_s)) continue;
    spare_.see_starved(now_s);
    return false;
  }
  return true;
}

}  // namespace braid
