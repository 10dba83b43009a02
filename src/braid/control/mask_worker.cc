#include "braid/control/mask_worker.h"

#include <exception>
#include <utility>

#include "braid/base/check.h"

namespace braid {

MaskWorker::~MaskWorker() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  work_arrived_.notify_one();
  thread_.join();
}

void MaskWorker::start(std::vector<Job> jobs) {
  if (jobs.empty()) return;
  if (!thread_.joinable()) thread_ = std::thread([this] { thread_main(); });
  {
    const std::lock_guard lock(mutex_);
    CHECK(num_found_ == jobs_.size(), "a step begins, and {} masks of the last are not found",
          jobs_.size() - num_found_);
    jobs_ = std::move(jobs);
    if (masks_.size() < jobs_.size()) masks_.resize(jobs_.size());
    job_of_.clear();
    for (size_t i = 0; i < jobs_.size(); ++i) {
      job_of_.emplace(jobs_[i].request, i);
      masks_[i].is_ready = false;
    }
    next_job_ = 0;
    num_found_ = 0;
  }
  work_arrived_.notify_one();
}

Result<std::span<const uint32_t>> MaskWorker::wait_for(RequestId request) {
  std::unique_lock lock(mutex_);
  const auto found = job_of_.find(request);
  CHECK(found != job_of_.end(), "nobody looks for the mask of request {}", request);
  const Mask& mask = masks_[found->second];
  mask_found_.wait(lock, [&] { return mask.is_ready; });
  if (mask.error) return *mask.error;
  return std::span<const uint32_t>(mask.bits);
}

void MaskWorker::finish() {
  std::unique_lock lock(mutex_);
  mask_found_.wait(lock, [&] { return num_found_ == jobs_.size(); });
  jobs_.clear();
  job_of_.clear();
  next_job_ = 0;
  num_found_ = 0;
}

void MaskWorker::thread_main() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_arrived_.wait(lock, [&] { return is_stopping_ || next_job_ < jobs_.size(); });
    if (is_stopping_) return;
    const size_t at = next_job_++;
    const Job job = jobs_[at];
    Mask& mask = masks_[at];  // nobody else touches it before it is ready
    lock.unlock();
    find(job, mask);
    lock.lock();
    mask.is_ready = true;
    ++num_found_;
    mask_found_.notify_all();
  }
}

void MaskWorker::find(const Job& job, Mask& mask) const {
  mask.error.reset();
  if (!job.grammar->is_masking()) {
    mask.bits.clear();
    return;
  }
  try {
    if (auto filled = job.grammar->fill_mask(mask.bits); !filled.ok()) mask.error = filled.error();
  } catch (const std::exception& exception) {  // the edge of a thread: no memory, say, ends this request alone
    mask.error = fail("the grammar's mask cannot be found: {}", exception.what());
  }
}

}  // namespace braid
