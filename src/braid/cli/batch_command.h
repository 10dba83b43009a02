// braid batch: runs the requests of a file, many at once, and writes each answer to a file when it is complete. An
// interrupted run resumes: answered lines stay, the others are run. Tested by batch_command_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "braid/base/result.h"
#include "braid/request/generation.h"
#include "braid/request/submit_error.h"
#include "braid/server/openai/prepare/request_model.h"

namespace braid {

// The part of an engine that a batch needs.
class BatchBackend {
 public:
  virtual ~BatchBackend() = default;
  virtual const openai::RequestModel& model() const = 0;
  // Every choice ends with a delta whose `finish` is not kNone; no delta follows it. The callback may run on any
  // thread. An error: nothing was started.
  virtual Result<SubmissionId, SubmitError> submit(GenerationRequest request, DeltaCallback on_delta) = 0;
};

struct BatchProgress {
  int64_t num_lines = 0;   // in the input, as far as it was read
  int64_t num_done = 0;    // answered, in earlier runs too
  int64_t num_errors = 0;  // of this run: bad lines, and answers other than 200
  int64_t output_tokens = 0;
  int64_t input_bytes = 0;  // read so far …
  int64_t total_bytes = 0;  // … of this many
};

struct BatchOptions {
  std::string input_path;
  std::string output_path;
  std::string model_name;
  int32_t max_in_flight = 256;  // requests in the engine at one time
  int64_t max_line_bytes = int64_t{64} << 20;
  const std::atomic<bool>* is_stopped = nullptr;          // if set, no line is started; running ones are finished
  std::function<void(const BatchProgress&)> on_progress;  // after each answer
};

// Whether the input can be read and the output written, and they are different files. To be called before a model is
// loaded.
Status check_batch_files(const BatchOptions& options);

// Only the files cause an error: an invalid line's error is that line's answer.
Result<BatchProgress> run_batch(const BatchOptions& options, BatchBackend& backend);

}  // namespace braid
