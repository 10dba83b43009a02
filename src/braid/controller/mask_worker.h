// Computes the masks of choices on a thread of its own, beside the forward pass that needs them. The next mask is asked
// for as soon as the controller has accepted the previous token. The thread starts with the first mask and sleeps
// without work.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

#include "braid/controller/choice_grammar.h"
#include "braid/wire/token_masks.h"

namespace braid {

class MaskWorker : public MaskSource, public MaskFinder {
 public:
  MaskWorker() = default;
  ~MaskWorker() override;
  MaskWorker(const MaskWorker&) = delete;
  MaskWorker& operator=(const MaskWorker&) = delete;

  // Starts computing the mask of the request's output token at `position`. The grammar must not change until a
  // wait_for() has returned the mask, or the request is forgotten. The first call, before the request goes to a group,
  // registers the request.
  void ask(RequestId request, int32_t position, const ChoiceGrammar& grammar);
  // Call when the request has ended. When this returns, its grammar is not read any more, and nothing waits for its
  // mask. Does nothing for an unknown request.
  void forget(RequestId request);

  Result<TokenMask> wait_for(RequestId request, int32_t position, std::stop_token world_ended = {}) override;
  void when_found(RequestId request, int32_t position, TakeMask take) override;

 private:
  struct Mask {
    const ChoiceGrammar* grammar = nullptr;
    int32_t position = -1;
    bool is_ready = false;
    TokenMask bits = {};
    std::optional<Error> error = {};
  };

  struct Waiting {
    RequestId request = 0;
    int32_t position = 0;
    TakeMask take;
  };

  void thread_main();
  static Result<TokenMask> find(const ChoiceGrammar& grammar);
  // With mutex_. Nothing if it must be waited for.
  std::optional<Result<TokenMask>> look_up(RequestId request, int32_t position) const;
  void answer_waiting(RequestId request);

  std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable_any mask_found_;  // or a request forgotten
  std::unordered_map<RequestId, Mask> masks_;
  std::vector<Waiting> waiting_;
  std::deque<RequestId> asked_;
  std::optional<RequestId> under_way_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace braid
