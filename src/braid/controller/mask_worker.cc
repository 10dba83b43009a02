#include "braid/controller/mask_worker.h"

#include <exception>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/thread_role.h"

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

void MaskWorker::ask(RequestId request, int32_t position, const ChoiceGrammar& grammar) {
  if (!thread_.joinable()) thread_ = std::thread([this] { thread_main(); });
  {
    const std::lock_guard lock(mutex_);
    Mask& mask = masks_[request];
    CHECK(mask.position < position && (mask.is_ready || mask.grammar == nullptr),
          "request {}: mask {} is asked for after {}", request, position, mask.position);
    mask = {.grammar = &grammar, .position = position};
    asked_.push_back(request);
  }
  work_arrived_.notify_one();
}

void MaskWorker::forget(RequestId request) {
  {
    std::unique_lock lock(mutex_);
    mask_found_.wait(lock, [&] { return under_way_ != request; });
    if (masks_.erase(request) == 0) return;
  }
  mask_found_.notify_all();
  answer_waiting(request);
}

std::optional<Result<TokenMask>> MaskWorker::look_up(RequestId request, int32_t position) const {
  const auto found = masks_.find(request);
  if (found == masks_.end()) return TokenMask();
  const Mask& mask = found->second;
  if (mask.position < position || !mask.is_ready) return std::nullopt;
  // A rank that was given up as lost may wake up here when its request has gone on elsewhere.
  if (mask.position != position) return fail("mask {} is wanted, {} is there", position, mask.position);
  if (mask.error) return *mask.error;
  return mask.bits;
}

Result<TokenMask> MaskWorker::wait_for(RequestId request, int32_t position, std::stop_token world_ended) {
  std::unique_lock lock(mutex_);
  std::optional<Result<TokenMask>> mask;
  const bool is_there = mask_found_.wait(lock, std::move(world_ended), [&] {
    mask = look_up(request, position);
    return mask.has_value();
  });
  if (!is_there) return fail("the world of the request has ended");
  return *std::move(mask);
}

void MaskWorker::when_found(RequestId request, int32_t position, TakeMask take) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({.request = request, .position = position, .take = std::move(take)});
  }
  answer_waiting(request);
}

void MaskWorker::answer_waiting(RequestId request) {
  std::vector<std::pair<TakeMask, Result<TokenMask>>> answers;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [&](Waiting& waiting) {
      if (waiting.request != request) return false;
      auto mask = look_up(request, waiting.position);
      if (mask) answers.emplace_back(std::move(waiting.take), *std::move(mask));
      return mask.has_value();
    });
  }
  for (const auto& [take, mask] : answers) take(mask);
}

void MaskWorker::thread_main() {
  set_thread_role(ThreadRole::kMasks);
  std::unique_lock lock(mutex_);
  while (true) {
    work_arrived_.wait(lock, [&] { return is_stopping_ || !asked_.empty(); });
    if (is_stopping_) return;
    const RequestId request = asked_.front();
    asked_.pop_front();
    const auto asked = masks_.find(request);
    if (asked == masks_.end()) continue;  // forgotten
    const ChoiceGrammar& grammar = *asked->second.grammar;
    under_way_ = request;
    lock.unlock();
    auto mask = find(grammar);
    lock.lock();
    under_way_.reset();
    Mask& own = masks_.at(request);  // forget() waits while the request is under_way_
    own.is_ready = true;
    if (mask.ok()) {
      own.bits = *std::move(mask);
    } else {
      own.error = mask.error();
    }
    mask_found_.notify_all();
    lock.unlock();
    answer_waiting(request);
    lock.lock();
  }
}

Result<TokenMask> MaskWorker::find(const ChoiceGrammar& grammar) {
  if (!grammar.is_masking()) return TokenMask();
  try {
    std::vector<uint32_t> bits;
    TRY_STATUS(grammar.fill_mask(bits));
    return std::make_shared<const std::vector<uint32_t>>(std::move(bits));
  } catch (const std::exception& exception) {  // the edge of a thread: a lack of memory ends this request alone
    return fail("the grammar's mask cannot be found: {}", exception.what());
  }
}

}  // namespace braid
