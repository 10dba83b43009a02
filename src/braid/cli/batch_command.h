// braid batch: many requests from a file through the engine at once, answers to a file as they complete. An interrupted
// run resumes: what is answered stays, the rest is run.
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

// What a batch needs of an engine.
class BatchBackend {
 public:
  virtual ~BatchBackend() = default;
  virtual const openai::RequestModel& model() const = 0;
  // Every choice ends with a delta whose `finish` is not kNone, and nothing comes after it; the callback may run on any
  // thread. An error: nothing was started.
  virtual Result<SubmissionId, SubmitError> submit(GenerationRequest request, DeltaCallback on_delta) = 0;
};

struct BatchProgress {
  int64_t num_lines = 0;   // in the input, as far as it has been read
  int64_t num_done = 0;    // answered, earlier runs included
  int64_t num_errors = 0;  // of this run: bad lines, and answers other than 200
  int64_t output_tokens = 0;
  int64_t input_bytes = 0;  // read so far …
  int64_t total_bytes = 0;  // … of so many
};

struct BatchOptions {
  std::string input_path;
  std::string output_path;
  std::string model_name;
  int32_t max_in_flight = 256;  // requests that the engine has at one time
  int64_t max_line_bytes = int64_t{64} << 20;
  const std::atomic<bool>* is_stopped = nullptr;  // set: no further line is started; those that run are finished
  std::function<void(const BatchProgress&)> on_progress;  // after each answer
};

// The input can be read and the output written, and they are two: to be asked before a model is loaded for them.
Status check_batch_files(const BatchOptions& options);

// An error only for the files: what is wrong with a line is that line's answer.
Result<BatchProgress> run_batch(const BatchOptions& options, BatchBackend& backend);

}  // namespace braid
