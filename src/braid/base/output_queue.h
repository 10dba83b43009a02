// Lines on their way to a file descriptor that may block for ever: nobody reads the pipe, a pager is paused, the log of
// a container is full. They wait in a bounded queue for a thread that writes them, so that no other thread ever waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace braid {

// How long a process that ends waits for what is still unwritten.
inline constexpr std::chrono::milliseconds kLastWritesTime{1000};

class OutputQueue {
 public:
  static constexpr size_t kMaxBytes = size_t{1} << 20;
  // The line that says that so many lines were dropped. Called on the writing thread.
  using Notice = std::function<std::string(uint64_t num_dropped)>;

  // `file` stays the caller's. Without `notice` lines are dropped silently.
  explicit OutputQueue(int file, Notice notice = {}, size_t max_bytes = kMaxBytes);
  // flush(), and the thread ends. One that is stuck in a write is left behind.
  ~OutputQueue();
  OutputQueue(const OutputQueue&) = delete;
  OutputQueue& operator=(const OutputQueue&) = delete;

  // From any thread; never waits. Drops the line if it does not fit beside those that wait.
  void push(std::string_view line);

  // Waits until everything pushed before it is written or lost. False: it was not within `time`.
  bool flush(std::chrono::milliseconds time = kLastWritesTime);

  // Lines for which there was no room, or that could not be written (the disk is full).
  uint64_t num_dropped() const;

 private:
  struct State;  // shared with the thread, which may outlive this

  const std::shared_ptr<State> state_;
  std::thread thread_;
};

// Flushes every queue of this process: for a failed CHECK, which has no context to find them by.
void flush_all_output_queues();

// Writes to a file descriptor that may block, without being stuck in it. False: not everything was written within
// `time`.
bool write_within(std::chrono::milliseconds time, int file, std::string_view bytes);

}  // namespace braid
