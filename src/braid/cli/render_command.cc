#include "braid/cli/render_command.h"

#include "braid/cli/lines.h"

namespace braid {

Status render_lines(std::istream& in, std::ostream& out, RenderChat render) {
  const auto rendered = [&](const std::string& line) -> Result<std::string> {
    TRY(const Json variables, parse_json(line));
    if (!variables.is_object()) return fail("a line must be a JSON object, got {}", json_excerpt(variables));
    return render(variables);
  };
  return answer_lines(in, out, [&](int64_t, const std::string& line) -> Result<std::string> {
    const auto text = rendered(line);
    const Json shown = text.ok() ? Json(*text) : Json{{"error", text.error().message}};
    return shown.dump(-1, ' ', false, Json::error_handler_t::replace);
  });
}

}  // namespace braid
