// The engine as a batch's backend.
#pragma once

#include "braid/cli/batch_command.h"
#include "braid/control/engine.h"
#include "braid/server/openai/chat_renderer.h"

namespace braid {

class EngineBatchBackend : public BatchBackend {
 public:
  explicit EngineBatchBackend(Engine& engine)
      : engine_(engine),
        renderer_([&engine](const Json& variables) { return engine.text().render_chat(variables); },
                  engine.text().knows_developer_role()),
        formats_(parsers::formats_of_template(engine.text().chat_template_text)) {}

  const Tokenizer& tokenizer() const override { return *engine_.text().tokenizer; }
  const GenerationDefaults& generation_defaults() const override { return engine_.generation_defaults(); }
  GrammarCompiler& grammars() override { return engine_.grammars(); }
  Result<std::string> chat_prompt(const openai::ChatRequest& request) override { return renderer_.prompt(request); }
  parsers::TemplateFormats chat_formats() const override { return formats_; }
  Result<uint64_t> submit(GenerationRequest request, DeltaCallback on_delta) override {
    return engine_.submit(std::move(request), std::move(on_delta));
  }

 private:
  Engine& engine_;
  openai::ChatRenderer renderer_;
  parsers::TemplateFormats formats_;
};

}  // namespace braid
