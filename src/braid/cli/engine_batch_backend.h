// The engine as a batch's backend.
#pragma once

#include "braid/cli/batch_command.h"
#include "braid/control/engine.h"

namespace braid {

class EngineBatchBackend : public BatchBackend {
 public:
  explicit EngineBatchBackend(Engine& engine) : engine_(engine) {}

  const Tokenizer& tokenizer() const override { return *engine_.text().tokenizer; }
  const GenerationDefaults& generation_defaults() const override { return engine_.generation_defaults(); }
  Result<std::string> render_chat(const Json& variables) override { return engine_.text().render_chat(variables); }
  Result<uint64_t> submit(GenerationRequest request, DeltaCallback on_delta) override {
    return engine_.submit(std::move(request), std::move(on_delta));
  }

 private:
  Engine& engine_;
};

}  // namespace braid
