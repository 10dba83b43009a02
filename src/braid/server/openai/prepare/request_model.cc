#include "braid/server/openai/prepare/request_model.h"

#include "braid/api/engine.h"
#include "braid/api/text_model.h"

namespace braid::openai {

RequestModel request_model_of(Engine& engine) {
  const ChatTemplates& chat = engine.text().chat;
  return {.tokenizer = *engine.text().tokenizer,
          .defaults = engine.generation_defaults(),
          .grammars = engine.grammars(),
          .renderer = ChatRenderer([&chat](const Json& variables) { return chat.render(variables); },
                                   chat.knows_developer_role()),
          .formats = parsers::formats_of_template(chat.text),
          .images = engine.images()};
}

}  // namespace braid::openai
