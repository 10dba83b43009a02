#include "braid/cli/answer_feed.h"

#include <utility>

namespace braid {

void AnswerFeed::add(const Delta& delta) {
  {
    const std::lock_guard lock(mutex_);
    news_.text += delta.text;
    for (const SampledToken& token : delta.tokens) news_.ids.push_back(token.token);
    news_.has_ended = delta.finish != FinishReason::kNone;
    news_.finish = delta.finish;
    news_.usage = delta.usage;
    news_.error = delta.error;
    has_news_ = true;
  }
  arrived_.notify_one();
}

AnswerFeed::News AnswerFeed::take(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, time, [&] { return has_news_; });
  has_news_ = false;
  return std::exchange(news_, {});
}

}  // namespace braid
