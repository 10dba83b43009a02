// An answer on its way from the engine's thread to the one that prints it. A terminal may be paused and a pipe full;
// the engine never waits for either. What waits is at most one answer, which ends at its limit of tokens.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "braid/request/generation.h"

namespace braid {

class AnswerFeed {
 public:
  struct News {
    std::string text;
    std::vector<TokenId> ids;
    bool has_ended = false;  // these three are then set
    FinishReason finish = FinishReason::kNone;
    Usage usage;
    std::string error;
  };

  // On the engine's thread.
  void add(const Delta& delta);

  // What came since the last call; waits for it, for `time` at most.
  News take(std::chrono::milliseconds time);

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  News news_;
  bool has_news_ = false;
};

}  // namespace braid
