// Sums the bytes held by several owners, each of which counts its own. Usable from any thread. Tested by
// grammar_compiler_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace braid {

class MemoryMeter {
 public:
  // Above `scarce_bytes` owners drop what they can recompute.
  explicit MemoryMeter(int64_t scarce_bytes) : scarce_bytes_(scarce_bytes) {}

  int64_t num_bytes() const { return num_bytes_.load(std::memory_order_relaxed); }
  bool is_scarce() const { return num_bytes() > scarce_bytes_; }

  // The bytes of one owner.
  class Share {
   public:
    explicit Share(std::shared_ptr<MemoryMeter> meter) : meter_(std::move(meter)) {}
    ~Share() { set(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    void set(int64_t num_bytes) {
      meter_->num_bytes_.fetch_add(num_bytes - std::exchange(num_bytes_, num_bytes), std::memory_order_relaxed);
    }

   private:
    const std::shared_ptr<MemoryMeter> meter_;
    int64_t num_bytes_ = 0;
  };

 private:
  const int64_t scarce_bytes_;
  std::atomic<int64_t> num_bytes_{0};
};

}  // namespace braid
