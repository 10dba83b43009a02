// The public interface of jinja/: parse once, render often.
#include "braid/tokenizer/chat_template.h"

#include "braid/tokenizer/jinja/evaluator.h"
#include "braid/tokenizer/jinja/parser.h"
#include "braid/tokenizer/jinja/runtime.h"

namespace braid {

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  auto parsed = jinja::parse_template(source);
  if (!parsed.ok()) return fail("chat template: {}", parsed.error().message);
  return ChatTemplate(std::move(parsed).value());
}

Result<std::string> ChatTemplate::render(const nlohmann::ordered_json& variables, const TemplateLimits& limits,
                                         const std::tm* now) const {
  if (!variables.is_object()) return fail("chat template: the variables must be a JSON object");
  jinja::Runtime runtime(limits, now);
  jinja::Evaluator evaluator(*template_, runtime);
  auto text = evaluator.run(variables);
  if (!text.ok()) return fail("chat template: {}", text.error().message);
  return text;
}

}  // namespace braid
