#include "braid/cli/signal_queue.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

namespace braid {

Result<SignalQueue> SignalQueue::open(std::span<const int> more) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  for (const int number : more) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  SignalQueue queue(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (queue.signals_ < 0 || queue.wake_ < 0) return fail("signals cannot be waited for: {}", std::strerror(errno));
  return queue;
}

SignalQueue::SignalQueue(SignalQueue&& other) noexcept
    : signals_(std::exchange(other.signals_, -1)), wake_(std::exchange(other.wake_, -1)) {}

SignalQueue::~SignalQueue() {
  if (signals_ >= 0) close(signals_);
  if (wake_ >= 0) close(wake_);
}

std::optional<int> SignalQueue::wait(std::optional<std::chrono::milliseconds> time) {
  pollfd files[] = {{.fd = signals_, .events = POLLIN, .revents = 0}, {.fd = wake_, .events = POLLIN, .revents = 0}};
  while (poll(files, 2, time ? static_cast<int>(time->count()) : -1) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  if ((files[0].revents & POLLIN) != 0) {
    signalfd_siginfo info = {};
    if (read(signals_, &info, sizeof(info)) == sizeof(info)) return static_cast<int>(info.ssi_signo);
  }
  if ((files[1].revents & POLLIN) != 0) {
    uint64_t count = 0;
    [[maybe_unused]] const auto bytes = read(wake_, &count, sizeof(count));
  }
  return std::nullopt;
}

void SignalQueue::wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const auto bytes = write(wake_, &one, sizeof(one));
}

}  // namespace braid
