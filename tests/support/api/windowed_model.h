// A model of random weights two of whose three layers see the last 24 tokens alone (tests/fixtures/models).
#pragma once

#include "tests/support/api/tiny_engine.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid::testing {

class WindowedModel {
 public:
  WindowedModel() { write_checkpoint(read_model_fixture("qwen3_layer_types"), folder_.path()); }

  // With another tiny model's tokenizer: it has as many tokens, and the fixture none of its own.
  ModelSourceOptions source() const { return {.model_path = folder_.path().string(), .tokenizer_path = kTinyModel}; }

 private:
  TemporaryFolder folder_;
};

}  // namespace braid::testing
