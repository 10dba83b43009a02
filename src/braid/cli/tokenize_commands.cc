#include "braid/cli/tokenize_commands.h"

#include <limits>
#include <string>

#include "braid/cli/lines.h"
#include "braid/formats/json.h"

namespace braid {
namespace {

Status answer_json_lines(std::istream& in, std::ostream& out, FunctionRef<Result<Json>(const Json& line)> answer) {
  return answer_lines(in, out, [&](int64_t number, const std::string& line) -> Result<std::string> {
    const auto json = parse_json(line);
    const Result<Json> answered = json.ok() ? answer(*json) : json.error();
    if (!answered.ok()) return fail("line {} of the input: {}", number, answered.error().message);
    return answered->dump(-1, ' ', false, Json::error_handler_t::replace);
  });
}

Result<std::vector<TokenId>> read_ids(const Json& json) {
  if (!json.is_array()) return fail("it is JSON's {}, not an array of token ids", json.type_name());
  std::vector<TokenId> ids;
  for (const Json& element : json) {
    const bool is_id = element.is_number_unsigned() && element.get<uint64_t>() <= std::numeric_limits<TokenId>::max();
    if (!is_id) return fail("element {} of the array is no token id", ids.size());
    ids.push_back(element.get<TokenId>());
  }
  return ids;
}

}  // namespace

Status tokenize_lines(const Tokenizer& tokenizer, bool add_special_tokens, std::istream& in, std::ostream& out) {
  return answer_json_lines(in, out, [&](const Json& line) -> Result<Json> {
    if (!line.is_string()) return fail("it is JSON's {}, not a string", line.type_name());
    return Json(tokenizer.encode(line.get_ref<const std::string&>(), add_special_tokens));
  });
}

Status detokenize_lines(const Tokenizer& tokenizer, bool skip_special_tokens, std::istream& in, std::ostream& out) {
  return answer_json_lines(in, out, [&](const Json& line) -> Result<Json> {
    TRY(const std::vector<TokenId> ids, read_ids(line));
    return Json(tokenizer.decode(ids, skip_special_tokens));
  });
}

}  // namespace braid
