// Finds the masks of a step's choices on a thread of its own, while the step's forward pass runs. It sleeps between
// steps, and its thread starts with the first mask that is asked for.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/control/choice_grammar.h"
#include "braid/engine/token_masks.h"

namespace braid {

class MaskWorker : public TokenMasks {
 public:
  MaskWorker() = default;
  ~MaskWorker() override;
  MaskWorker(const MaskWorker&) = delete;
  MaskWorker& operator=(const MaskWorker&) = delete;

  struct Job {
    RequestId request = 0;
    const ChoiceGrammar* grammar = nullptr;  // must stay as it is until the step's end
  };
  // A step with these masked choices, from its beginning to its end: then all masks are found, and forgotten.
  class Step {
   public:
    Step(MaskWorker& worker, std::vector<Job> jobs) : worker_(worker) { worker_.start(std::move(jobs)); }
    ~Step() { worker_.finish(); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    MaskWorker& worker_;
  };

  Result<std::span<const uint32_t>> wait_for(RequestId request) override;

 private:
  struct Mask {
    std::vector<uint32_t> bits;
    std::optional<Error> error;
    bool is_ready = false;
  };

  void start(std::vector<Job> jobs);
  void finish();
  void thread_main();
  void find(const Job& job, Mask& mask) const;

  std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable mask_found_;
  std::vector<Job> jobs_;
  std::vector<Mask> masks_;  // of each job; kept over steps for their memory
  std::unordered_map<RequestId, size_t> job_of_;
  size_t next_job_ = 0;
  size_t num_found_ = 0;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace braid
