// braid render: conversations on stdin, prompts on stdout, one a line.
#pragma once

#include <istream>
#include <ostream>
#include <string>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/formats/json.h"

namespace braid {

using RenderChat = FunctionRef<Result<std::string>(const Json& variables)>;

// For each line {"messages":…, "tools":…, "add_generation_prompt":…, other template variables} writes a line with a
// JSON string, or with {"error": message}. Skips empty lines. Passes values to the template unchanged. Returns an error
// only if `out` cannot be written.
Status render_lines(std::istream& in, std::ostream& out, RenderChat render);

}  // namespace braid
