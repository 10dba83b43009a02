// The engine as a batch's backend. Tested by tests/e2e/test_batch.py.
#pragma once

#include "braid/api/engine.h"
#include "braid/cli/batch_command.h"

namespace braid {

class EngineBatchBackend : public BatchBackend {
 public:
  explicit EngineBatchBackend(Engine& engine) : engine_(engine), model_(openai::request_model_of(engine)) {}

  const openai::RequestModel& model() const override { return model_; }
  Result<SubmissionId, SubmitError> submit(GenerationRequest request, DeltaCallback on_delta) override {
    return engine_.try_submit(std::move(request), std::move(on_delta));
  }

 private:
  Engine& engine_;
  openai::RequestModel model_;
};

}  // namespace braid
