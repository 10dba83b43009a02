// Where a model's files are. Plain data.
#pragma once

#include <string>

#include "braid/hub/model_path_environment.h"

namespace braid {

// Where the checkpoint, its tokenizer and its template are, as the command line says.
struct ModelSourceOptions {
  std::string model_path;
  std::string tokenizer_path = {};      // a directory, GGUF file or tokenizer.json; empty: the model's
  std::string chat_template_file = {};  // empty: the model's
  ModelPathEnvironment environment = {};
};

}  // namespace braid
