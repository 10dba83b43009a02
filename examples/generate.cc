// Continues a prompt with braid as a library: example_generate MODEL PROMPT
#include <iostream>

#include "braid/api/engine.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: example_generate MODEL PROMPT\n";
    return 2;
  }
  const auto engine = braid::Engine::load({.source = {.model_path = argv[1]}}, braid::make_stderr_logger("warning"));
  if (!engine.ok()) {
    std::cerr << engine.error().message << '\n';
    return 1;
  }

  braid::GenerationRequest request{.prompt = argv[2]};
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = 32;
  const auto id = (*engine)->submit(request, [](const braid::Delta& delta) { std::cout << delta.text << std::flush; });
  if (!id.ok()) {
    std::cerr << id.error().message << '\n';
    return 1;
  }
  (*engine)->wait(*id);
  std::cout << '\n';
}
