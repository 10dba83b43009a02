// A job of processes that are threads of the test: ports that copy through memory, in the order that MPI promises.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "braid/base/clock.h"
#include "braid/parallel/process_port.h"

namespace braid::testing {

// Short messages are sent at once. Long ones wait in their sender's memory until they are received. With `bytes_per_s`
// each process sends over a link of that rate: a message arrives when all before it and its own bytes have passed.
class MemoryJob {
 public:
  explicit MemoryJob(int32_t num_processes, double bytes_per_s = 0)
      : bytes_per_s_(bytes_per_s),
        arrived_(static_cast<size_t>(num_processes)),
        wanted_(arrived_.size()),
        link_free_s_(arrived_.size()) {}

  int32_t num_processes() const { return static_cast<int32_t>(arrived_.size()); }

  PortRequest send(int32_t from, const void* data, size_t bytes, int32_t to, int32_t tag) {
    const std::lock_guard lock(mutex_);
    constexpr size_t kShort = 4096;
    const PortRequest number = next_++;
    Sent sent{.number = number, .from = from, .tag = tag, .data = data, .bytes = bytes};
    if (bytes_per_s_ > 0) {
      double& free_s = link_free_s_[static_cast<size_t>(from)];
      free_s = std::max(free_s, monotonic_seconds()) + static_cast<double>(bytes) / bytes_per_s_;
      sent.due_s = free_s;
    }
    if (bytes <= kShort) {
      sent.copy.assign(static_cast<const char*>(data), static_cast<const char*>(data) + bytes);
      sent.is_copy = true;
      done_[number] = {};
    }
    arrived_[static_cast<size_t>(to)].push_back(std::move(sent));
    match(to);
    return number;
  }

  PortRequest receive(int32_t process, void* data, size_t bytes, int32_t from, int32_t tag) {
    const std::lock_guard lock(mutex_);
    wanted_[static_cast<size_t>(process)].push_back(
        {.number = next_++, .from = from, .tag = tag, .data = data, .bytes = bytes});
    match(process);
    return next_ - 1;
  }

  bool test(PortRequest request, PortArrival* arrival) {
    const std::lock_guard lock(mutex_);
    for (int32_t process = 0; bytes_per_s_ > 0 && process < num_processes(); ++process) match(process);
    const auto found = done_.find(request);
    if (found == done_.end()) return false;
    if (arrival != nullptr) *arrival = found->second;
    done_.erase(found);
    return true;
  }

  void cancel(int32_t process, PortRequest request) {
    const std::lock_guard lock(mutex_);
    std::erase_if(wanted_[static_cast<size_t>(process)], [&](const Wanted& one) { return one.number == request; });
  }

  // Forgets the memory of a process that has given up.
  void forget(int32_t process) {
    const std::lock_guard lock(mutex_);
    wanted_[static_cast<size_t>(process)].clear();
    for (auto& sent : arrived_) {
      std::erase_if(sent, [&](const Sent& one) { return one.from == process && !one.is_copy; });
    }
  }

 private:
  struct Sent {
    PortRequest number = 0;
    int32_t from = 0;
    int32_t tag = 0;
    const void* data = nullptr;
    size_t bytes = 0;
    std::vector<char> copy;
    bool is_copy = false;
    double due_s = 0;  // not before
  };
  struct Wanted {
    PortRequest number = 0;
    int32_t from = 0;
    int32_t tag = 0;
    void* data = nullptr;
    size_t bytes = 0;
  };

  void match(int32_t process) {
    auto& wanted = wanted_[static_cast<size_t>(process)];
    auto& arrived = arrived_[static_cast<size_t>(process)];
    const double now_s = bytes_per_s_ > 0 ? monotonic_seconds() : 0;
    for (auto want = wanted.begin(); want != wanted.end();) {
      const auto sent = std::ranges::find_if(arrived, [&](const Sent& one) {
        return one.due_s <= now_s && one.tag == want->tag &&
               (want->from == ProcessPort::kAnyProcess || want->from == one.from);
      });
      if (sent == arrived.end()) {
        ++want;
        continue;
      }
      if (sent->bytes > 0) std::memcpy(want->data, sent->is_copy ? sent->copy.data() : sent->data, sent->bytes);
      done_[want->number] = {.process = sent->from, .bytes = sent->bytes};
      if (!sent->is_copy) done_[sent->number] = {};
      arrived.erase(sent);
      want = wanted.erase(want);
    }
  }

  const double bytes_per_s_;  // 0: messages take no time
  std::mutex mutex_;
  PortRequest next_ = 0;
  std::vector<std::list<Sent>> arrived_;   // at each process, not yet received
  std::vector<std::list<Wanted>> wanted_;  // by each process
  std::vector<double> link_free_s_;        // of each process's link, when all that it sent has passed
  std::map<PortRequest, PortArrival> done_;
};

class MemoryPort final : public ProcessPort {
 public:
  MemoryPort(std::shared_ptr<MemoryJob> job, int32_t process) : job_(std::move(job)), process_(process) {}

  int32_t process() const override { return process_; }
  int32_t num_processes() const override { return job_->num_processes(); }
  PortRequest send(const void* data, size_t bytes, int32_t to, int32_t tag) override {
    ++num_sends_;
    return !has_failed_.load() ? job_->send(process_, data, bytes, to, tag) : 0;
  }
  PortRequest receive(void* data, size_t bytes, int32_t from, int32_t tag) override {
    return !has_failed_.load() ? job_->receive(process_, data, bytes, from, tag) : 0;
  }
  bool test(PortRequest request, PortArrival* arrival) override {
    return !has_failed_.load() && job_->test(request, arrival);
  }
  void cancel(PortRequest request) override { job_->cancel(process_, request); }
  void give_up() override { fail("given up"); }
  const std::string& error() const override { return has_failed_.load() ? error_ : none_; }
  void close() override {}

  int64_t num_sends() const { return num_sends_.load(); }

  // As if the network had failed. From any thread; only the first error counts.
  void fail(const std::string& error) {
    if (is_failing_.exchange(true)) return;
    error_ = error;
    has_failed_.store(true);
    job_->forget(process_);
  }

 private:
  const std::shared_ptr<MemoryJob> job_;
  const int32_t process_;
  const std::string none_;
  std::string error_;
  std::atomic<int64_t> num_sends_{0};
  std::atomic<bool> is_failing_{false};
  std::atomic<bool> has_failed_{false};  // error_ has been written
};

// The ports of a job's processes.
inline std::vector<std::shared_ptr<MemoryPort>> memory_ports(int32_t num_processes, double bytes_per_s = 0) {
  const auto job = std::make_shared<MemoryJob>(num_processes, bytes_per_s);
  std::vector<std::shared_ptr<MemoryPort>> ports;
  for (int32_t process = 0; process < num_processes; ++process) {
    ports.push_back(std::make_shared<MemoryPort>(job, process));
  }
  return ports;
}

}  // namespace braid::testing
