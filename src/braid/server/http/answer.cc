#include "braid/server/http/answer.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid::http {

Answer::Answer(size_t buffer_bytes, std::function<void()> wake) : buffer_bytes_(buffer_bytes), wake_(std::move(wake)) {}

void Answer::wake_locked() {
  if (is_woken_ || !wake_) return;
  is_woken_ = true;
  wake_();
}

Answer::Calls Answer::end_locked(State state) {
  state_ = state;
  return std::exchange(calls_, {});
}

void Answer::respond(Response response) {
  Calls unused;
  const std::lock_guard lock(mutex_);
  if (state_ != State::kWaiting) return;
  bytes_ = std::move(response.body);
  head_ = std::move(response);
  unused = end_locked(State::kComplete);
  wake_locked();
}

void Answer::start_stream(Response response) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kWaiting) return;
  bytes_ = std::move(response.body);
  head_ = std::move(response);
  is_stream_ = true;
  state_ = State::kStreaming;
  wake_locked();
}

void Answer::write(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kStreaming || bytes.empty()) return;
  // A single event may be larger than the buffer, so a buffer that is not full takes anything.
  max_write_bytes_ = std::max(max_write_bytes_, bytes.size());
  const bool was_full = std::exchange(is_full_, waiting_locked() >= buffer_bytes_);
  if (is_full_ && waiting_locked() + bytes.size() > 4 * std::max(buffer_bytes_, max_write_bytes_)) {
    state_ = State::kOverflowed;  // on_gone follows from close()
    std::string().swap(bytes_);
    num_taken_ = 0;
  } else {
    bytes_ += bytes;
  }
  // Even if it was woken before and is still sending: it must now watch the time, or give the client up.
  if (state_ == State::kOverflowed || (is_full_ && !was_full)) is_woken_ = false;
  wake_locked();
}

void Answer::finish() {
  Calls unused;
  const std::lock_guard lock(mutex_);
  if (state_ != State::kStreaming) return;
  unused = end_locked(State::kComplete);
  wake_locked();
}

bool Answer::has_room() const {
  const std::lock_guard lock(mutex_);
  return waiting_locked() < buffer_bytes_;
}

void Answer::when_room(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kStreaming) return;
    if (waiting_locked() >= buffer_bytes_) {
      std::swap(calls_.on_room, call);  // destroys the previous one, if any, without the lock
      return;
    }
  }
  call();
}

void Answer::on_gone(std::function<void()> gone) {
  {
    const std::lock_guard lock(mutex_);
    CHECK(!has_on_gone_, "on_gone() was called before");
    has_on_gone_ = true;
    if (state_ == State::kWaiting || state_ == State::kStreaming || state_ == State::kOverflowed) {
      calls_.on_gone = std::move(gone);
      return;
    }
    if (state_ != State::kGone) return;
  }
  gone();
}

bool Answer::is_gone() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kGone;
}

void Answer::drop() {
  Calls unused;
  const std::lock_guard lock(mutex_);
  if (state_ != State::kWaiting && state_ != State::kStreaming) return;
  unused = end_locked(State::kDropped);
  wake_locked();
}

Answer::Piece Answer::take(size_t max_bytes) {
  std::function<void()> on_room;
  Piece piece;
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = false;
    piece.head = std::exchange(head_, std::nullopt);
    piece.is_stream = is_stream_;
    if (!is_stream_ || waiting_locked() <= max_bytes) {
      if (num_taken_ > 0) bytes_.erase(0, num_taken_);
      piece.bytes = std::exchange(bytes_, std::string());
      num_taken_ = 0;
    } else {
      piece.bytes = bytes_.substr(num_taken_, max_bytes);
      num_taken_ += max_bytes;
      if (num_taken_ > bytes_.size() / 2) bytes_.erase(0, std::exchange(num_taken_, 0));
    }
    num_taken_bytes_ += piece.bytes.size();
    piece.is_last = (state_ == State::kComplete || state_ == State::kDropped) && waiting_locked() == 0;
    piece.is_dropped = state_ == State::kDropped;
    if (waiting_locked() < buffer_bytes_) {
      is_full_ = false;
      on_room = std::exchange(calls_.on_room, nullptr);
    }
  }
  if (on_room) on_room();
  return piece;
}

uint64_t Answer::num_taken_bytes() const {
  const std::lock_guard lock(mutex_);
  return num_taken_bytes_;
}

Answer::Fill Answer::fill() const {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kOverflowed) return Fill::kOverflowed;
  return state_ == State::kStreaming && is_full_ ? Fill::kFull : Fill::kHasRoom;
}

void Answer::close(bool gone) {
  Calls calls;  // may hold the last reference to a responder, whose destructor takes the lock
  bool is_left = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kClosed || state_ == State::kGone) return;
    is_left = gone && (state_ == State::kWaiting || state_ == State::kStreaming || state_ == State::kOverflowed);
    calls = end_locked(is_left ? State::kGone : State::kClosed);
    wake_ = nullptr;
    std::string().swap(bytes_);
    num_taken_ = 0;
    head_.reset();
  }
  if (is_left && calls.on_gone) calls.on_gone();
}

namespace {

class AnswerResponder final : public Responder {
 public:
  explicit AnswerResponder(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}
  ~AnswerResponder() override { answer_->drop(); }
  AnswerResponder(const AnswerResponder&) = delete;
  AnswerResponder& operator=(const AnswerResponder&) = delete;

  void respond(Response response) override { answer_->respond(std::move(response)); }
  void start_stream(Response response) override { answer_->start_stream(std::move(response)); }
  void write(std::string_view bytes) override { answer_->write(bytes); }
  void finish() override { answer_->finish(); }
  bool has_room() const override { return answer_->has_room(); }
  void when_room(std::function<void()> call) override { answer_->when_room(std::move(call)); }
  bool is_gone() const override { return answer_->is_gone(); }
  void on_gone(std::function<void()> gone) override { answer_->on_gone(std::move(gone)); }

 private:
  std::shared_ptr<Answer> answer_;
};

}  // namespace

std::shared_ptr<Responder> make_responder(std::shared_ptr<Answer> answer) {
  return std::make_shared<AnswerResponder>(std::move(answer));
}

}  // namespace braid::http
