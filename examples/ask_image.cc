// Asks a vision-language model about images with braid as a library: example_ask_image MODEL QUESTION IMAGE…
#include <fstream>
#include <iostream>
#include <memory>
#include <span>
#include <sstream>
#include <string>

#include "braid/api/engine.h"
#include "braid/api/text_model.h"

namespace {

// The file's bytes as they are: JPEG, PNG or WebP. The engine decodes them.
braid::Result<braid::RequestImage> read_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file) return braid::fail("{}: cannot be read", path);
  return braid::RequestImage{.bytes = std::make_shared<const std::string>(std::move(bytes).str())};
}

braid::Status ask(const std::string& model, const std::string& question, std::span<char*> paths) {
  TRY(const auto engine, braid::Engine::load({.source = {.model_path = model}}, braid::make_stderr_logger("warning")));

  braid::GenerationRequest request;
  // In a message's content each image has its place; the model's chat template writes the token that stands for it.
  auto content = braid::Json::array();
  for (const std::string path : paths) {
    TRY(request.images.emplace_back(), read_image(path));
    content.push_back({{"type", "image"}});
  }
  content.push_back({{"type", "text"}, {"text", question}});
  TRY(request.prompt, engine->text().chat.render({
                          {"messages", {{{"role", "user"}, {"content", content}}}},
                          {"add_generation_prompt", true},
                      }));
  request.add_special_tokens = false;  // the template's text has them
  request.continues_text = false;
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = 256;

  braid::Delta last;
  TRY(const auto id, engine->submit(std::move(request), [&](const braid::Delta& delta) {
    std::cout << delta.text << std::flush;
    last = delta;
  }));
  engine->wait(id);
  std::cout << '\n';
  if (last.finish == braid::FinishReason::kError) return braid::fail("{}", last.error);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: example_ask_image MODEL QUESTION IMAGE...\n";
    return 2;
  }
  const braid::Status answered = ask(argv[1], argv[2], std::span(argv, argc).subspan(3));
  if (answered.ok()) return 0;
  std::cerr << answered.error().message << '\n';
  return 1;
}
