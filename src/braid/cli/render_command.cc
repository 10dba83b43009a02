// Lines in, lines out: one broken line does not end the others.
#include "braid/cli/render_command.h"

namespace braid {

namespace {

Result<std::string> render_line(const std::string& line, RenderChat render) {
  TRY(const Json variables, parse_json(line));
  if (!variables.is_object()) return fail("a line must be a JSON object, got {}", json_excerpt(variables));
  return render(variables);
}

}  // namespace

Status render_lines(std::istream& in, std::ostream& out, RenderChat render) {
  for (std::string line; std::getline(in, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto text = render_line(line, render);
    const Json shown = text.ok() ? Json(*text) : Json{{"error", text.error().message}};
    out << shown.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    out.flush();
    if (!out) return fail("cannot write the rendered lines");
  }
  return {};
}

}  // namespace braid
