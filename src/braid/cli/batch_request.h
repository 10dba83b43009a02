// One line of a batch: from its body to submissions, and from their deltas to the answer. Tested by
// batch_command_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "braid/cli/batch_command.h"
#include "braid/cli/batch_file.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/prepare/prepared_request.h"

namespace braid {

class BatchRequest : public std::enable_shared_from_this<BatchRequest> {
 public:
  using OnDone = std::function<void(BatchAnswer)>;
  BatchRequest(BatchLine line, BatchBackend& backend, std::string model_name, OnDone on_done);

  // Submits all prompts. Calls on_done once, from here or from an engine's thread.
  void start();

 private:
  Result<openai::PreparedRequest, openai::ApiError> prepare();
  void on_delta(size_t prompt, const Delta& delta);
  void finish_choices(size_t count);
  void answer();
  void answer_error(const openai::ApiError& error);

  BatchLine line_;
  BatchBackend& backend_;
  std::string model_name_;
  OnDone on_done_;
  std::mutex mutex_;  // guards the members below
  std::unique_ptr<openai::AnswerWriter> writer_;
  size_t num_open_ = 0;  // choices that are not finished
  std::optional<openai::ApiError> failure_;
};

}  // namespace braid
