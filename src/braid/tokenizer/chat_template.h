// Turns conversations into prompts with the checkpoint's own Jinja template, in a sandbox: no files, no imports,
// bounded steps and output.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "braid/base/result.h"
#include "braid/tokenizer/jinja/template_limits.h"

namespace braid {

namespace jinja {
struct Template;
}

class ChatTemplate {
 public:
  // Parses with trim_blocks and lstrip_blocks, as transformers does. Errors name the line.
  static Result<ChatTemplate> parse(std::string_view source);

  // `variables`: messages, tools, add_generation_prompt, bos_token, eos_token and whatever else the template reads.
  // raise_exception in the template becomes an error with its message. `now` is the local time for strftime_now; null:
  // the system's.
  Result<std::string> render(const nlohmann::ordered_json& variables, const TemplateLimits& limits = {},
                             const std::tm* now = nullptr) const;

 private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Template> parsed) : template_(std::move(parsed)) {}
  std::shared_ptr<const jinja::Template> template_;
};

}  // namespace braid
