// A model with random weights (tests/fixtures/models). Two of its three layers see only the last 24 tokens.
#pragma once

#include "tests/support/api/tiny_engine.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid::testing {

class WindowedModel {
 public:
  WindowedModel() { write_checkpoint(read_model_fixture("qwen3_layer_types"), folder_.path()); }

  // The fixture has no tokenizer. It uses another tiny model's, which has as many tokens.
  ModelSourceOptions source() const { return {.model_path = folder_.path().string(), .tokenizer_path = kTinyModel}; }

 private:
  TemporaryFolder folder_;
};

}  // namespace braid::testing
