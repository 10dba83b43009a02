// Finds the masks of choices on a thread of its own, while the forward pass runs that they are for: asked for as soon
// as the token before is accepted. It sleeps without work, and its thread starts with the first mask.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "braid/controller/choice_grammar.h"
#include "braid/wire/token_masks.h"

namespace braid {

class MaskWorker : public TokenMasks {
 public:
  MaskWorker() = default;
  ~MaskWorker() override;
  MaskWorker(const MaskWorker&) = delete;
  MaskWorker& operator=(const MaskWorker&) = delete;

  // Finds the mask of the request's output token at `position`. The grammar must stay as it is until somebody has
  // wait()ed for the mask, or the request is forgotten. The first call, before the request is given to a group, makes
  // it known.
  void ask(RequestId request, int32_t position, const ChoiceGrammar& grammar);
  // The request has ended: its grammar is not looked at any more, and nobody waits for it. Nothing if it is not known.
  void forget(RequestId request);

  Result<TokenMask> wait_for(RequestId request, int32_t position) override;

 private:
  struct Mask {
    const ChoiceGrammar* grammar = nullptr;
    int32_t position = -1;
    bool is_ready = false;
    TokenMask bits = {};
    std::optional<Error> error = {};
  };

  void thread_main();
  static Result<TokenMask> find(const ChoiceGrammar& grammar);

  std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable mask_found_;  // or a request forgotten
  std::unordered_map<RequestId, Mask> masks_;
  std::deque<RequestId> asked_;
  std::optional<RequestId> under_way_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace braid
