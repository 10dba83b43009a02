// braid render: conversations on stdin, prompts on stdout, a line each.
#pragma once

#include <istream>
#include <ostream>
#include <string>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/formats/json.h"

namespace braid {

using RenderChat = FunctionRef<Result<std::string>(const Json& variables)>;

// Each line {"messages":…, "tools":…, "add_generation_prompt":…, other template variables} gives a line with a JSON
// string, or with {"error": message}. An empty line is skipped. Values go to the template as they are given. An error
// only if `out` cannot be written.
Status render_lines(std::istream& in, std::ostream& out, RenderChat render);

}  // namespace braid
