// libFuzzer: a template (up to the first NUL byte), then its variables as JSON. For any input the result is an error
// message or a text within the limits, and the same every time.
#include <cstdint>
#include <string_view>

#include "braid/base/check.h"
#include "braid/tokenizer/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Variables = nlohmann::ordered_json;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t border = input.find('\0');
  const auto parsed = braid::ChatTemplate::parse(input.substr(0, border));
  if (!parsed.ok()) {
    CHECK(!parsed.error().message.empty());
    return 0;
  }
  Variables variables;
  if (border != std::string_view::npos) variables = Variables::parse(input.substr(border + 1), nullptr, false);
  if (!variables.is_object()) {
    variables = {{"messages", {{{"role", "user"}, {"content", "Hello <|im_end|>"}}}}, {"add_generation_prompt", true}};
  }
  const braid::TemplateLimits limits{
      .max_steps = 20'000, .max_output_bytes = 1 << 16, .max_memory_bytes = 4 << 20, .max_depth = 200};
  const std::tm now{.tm_mday = 21, .tm_mon = 10, .tm_year = 126};
  const auto text = parsed->render(variables, limits, &now);
  const auto again = parsed->render(variables, limits, &now);
  CHECK(text.ok() == again.ok());
  if (text.ok()) {
    CHECK(static_cast<int64_t>(text->size()) <= limits.max_output_bytes && *text == *again);
  } else {
    CHECK(!text.error().message.empty());
  }
  return 0;
}
