#include "braid/base/output_queue.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "braid/base/thread_role.h"

namespace braid {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Of one write. A pipe that is not full takes a page without blocking.
constexpr size_t kPieceBytes = 4096;

// The number of bytes written; 0: none can be.
size_t write_piece(int file, std::string_view bytes) {
  while (true) {
    const ssize_t written = ::write(file, bytes.data(), std::min(bytes.size(), kPieceBytes));
    if (written >= 0) return static_cast<size_t>(written);
    if (errno == EAGAIN) {  // another process has made it non-blocking
      pollfd watched{.fd = file, .events = POLLOUT, .revents = 0};
      if (::poll(&watched, 1, -1) >= 0) continue;
    }
    if (errno != EINTR) return 0;
  }
}

uint64_t count_lines(std::string_view text) {
  return static_cast<uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

struct OutputQueue::State {
  State(int output_file, Notice dropped_notice, size_t limit)
      : file(output_file), notice(std::move(dropped_notice)), max_bytes(limit) {}

  void write_until_stopped();
  bool write_all(std::string_view bytes, bool counts);
  bool flush(milliseconds time);

  const int file;
  const Notice notice;
  const size_t max_bytes;

  std::mutex mutex;  // never held during a write
  std::condition_variable arrived;
  std::condition_variable written;
  std::string waiting;
  uint64_t num_accepted_bytes = 0;
  uint64_t num_done_bytes = 0;  // of those: written or lost
  uint64_t num_dropped = 0;
  uint64_t num_unsaid = 0;  // dropped, and no notice says so
  bool has_failed = false;  // the last write did
  bool is_stopping = false;
  bool has_ended = false;
};

void OutputQueue::State::write_until_stopped() {
  std::unique_lock lock(mutex);
  while (true) {
    const auto has_news = [&] { return num_unsaid > 0 && notice && !has_failed; };
    arrived.wait(lock, [&] { return !waiting.empty() || has_news() || is_stopping; });
    if (waiting.empty() && !has_news()) break;
    // Whatever was dropped by now came after the lines that wait: the queue was full of them.
    const std::string lines = std::exchange(waiting, {});
    const uint64_t num_said = notice ? std::exchange(num_unsaid, 0) : 0;
    lock.unlock();
    bool is_written = write_all(lines, true);
    if (is_written && num_said > 0) is_written = write_all(notice(num_said), false);
    lock.lock();
    has_failed = !is_written;
    if (!is_written) num_unsaid += num_said;
  }
  has_ended = true;
  written.notify_all();
}

// `counts`: the bytes are lines of the queue.
bool OutputQueue::State::write_all(std::string_view bytes, bool counts) {
  while (!bytes.empty()) {
    const size_t size = write_piece(file, bytes);
    const bool is_lost = size == 0;
    const size_t done = is_lost ? bytes.size() : size;
    if (counts) {
      const std::lock_guard lock(mutex);
      num_done_bytes += done;
      if (is_lost) {
        num_dropped += count_lines(bytes);
        num_unsaid += count_lines(bytes);
      }
      written.notify_all();
    }
    if (is_lost) return false;
    bytes.remove_prefix(done);
  }
  return true;
}

bool OutputQueue::State::flush(milliseconds time) {
  std::unique_lock lock(mutex);
  const uint64_t end = num_accepted_bytes;
  return written.wait_for(lock, time, [&] { return num_done_bytes >= end; });
}

namespace {

// Only for a failed CHECK, which knows no object: everything else has the queue it writes to.
struct OutputQueueList {
  std::mutex mutex;
  std::vector<std::pair<const void*, std::function<void()>>> flushes;
};

OutputQueueList& all_queues() {
  static OutputQueueList list;
  return list;
}

}  // namespace

OutputQueue::OutputQueue(int file, Notice notice, size_t max_bytes)
    : state_(std::make_shared<State>(file, std::move(notice), max_bytes)), thread_([state = state_] {
        set_thread_role(ThreadRole::kLog);
        state->write_until_stopped();
      }) {
  OutputQueueList& all = all_queues();
  const std::lock_guard lock(all.mutex);
  all.flushes.emplace_back(this, [state = state_] { state->flush(kLastWritesTime); });
}

OutputQueue::~OutputQueue() {
  OutputQueueList& all = all_queues();
  {
    const std::lock_guard lock(all.mutex);
    std::erase_if(all.flushes, [&](const auto& entry) { return entry.first == this; });
  }
  bool has_ended = false;
  {
    std::unique_lock lock(state_->mutex);
    state_->is_stopping = true;
    state_->arrived.notify_one();
    has_ended = state_->written.wait_for(lock, kLastWritesTime, [&] { return state_->has_ended; });
  }
  if (has_ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void OutputQueue::push(std::string_view line) {
  {
    const std::lock_guard lock(state_->mutex);
    const uint64_t num_waiting = state_->num_accepted_bytes - state_->num_done_bytes;
    if (num_waiting + line.size() > state_->max_bytes) {
      ++state_->num_dropped;
      ++state_->num_unsaid;
      return;
    }
    state_->waiting += line;
    state_->num_accepted_bytes += line.size();
  }
  state_->arrived.notify_one();
}

bool OutputQueue::flush(milliseconds time) {
  return state_->flush(time);
}

uint64_t OutputQueue::num_dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->num_dropped;
}

void flush_all_output_queues() {
  OutputQueueList& all = all_queues();
  const std::lock_guard lock(all.mutex);
  for (const auto& [queue, flush] : all.flushes) flush();
}

bool write_within(milliseconds time, int file, std::string_view bytes) {
  const auto end = steady_clock::now() + time;
  while (!bytes.empty()) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    pollfd watched{.fd = file, .events = POLLOUT, .revents = 0};
    const int num_ready = ::poll(&watched, 1, static_cast<int>(std::max<int64_t>(0, left.count())));
    if (num_ready < 0 && errno == EINTR) continue;
    if (num_ready <= 0) return false;
    const size_t written = write_piece(file, bytes);
    if (written == 0) return false;
    bytes.remove_prefix(written);
  }
  return true;
}

}  // namespace braid
