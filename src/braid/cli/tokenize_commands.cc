#include "braid/cli/tokenize_commands.h"

#include <istream>
#include <limits>
#include <ostream>
#include <string>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/formats/json.h"

namespace braid {
namespace {

// Flushed line by line: a program at the other end of a pipe may wait for each answer.
int for_each_line(std::istream& in, std::ostream& out, std::ostream& err,
                  FunctionRef<Result<std::string>(const Json& line)> answer) {
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const auto json = parse_json(line);
    const Result<std::string> text = json.ok() ? answer(*json) : json.error();
    if (!text) {
      err << "error: line " << number << " of the input: " << text.error().message << '\n';
      return 1;
    }
    out << *text << std::endl;
    if (!out) {  // nobody reads on, or the disk is full: the rest of the input is not worth reading
      err << "error: standard output: cannot be written\n";
      return 1;
    }
  }
  return 0;
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

int run_tokenize(const Tokenizer& tokenizer, bool add_special_tokens, std::istream& in, std::ostream& out,
                 std::ostream& err) {
  return for_each_line(in, out, err, [&](const Json& line) -> Result<std::string> {
    if (!line.is_string()) return fail("it is JSON's {}, not a string", line.type_name());
    return Json(tokenizer.encode(line.get_ref<const std::string&>(), add_special_tokens)).dump();
  });
}

int run_detokenize(const Tokenizer& tokenizer, bool skip_special_tokens, std::istream& in, std::ostream& out,
                   std::ostream& err) {
  return for_each_line(in, out, err, [&](const Json& line) -> Result<std::string> {
    TRY(const std::vector<TokenId> ids, read_ids(line));
    return Json(tokenizer.decode(ids, skip_special_tokens)).dump(-1, ' ', false, Json::error_handler_t::replace);
  });
}

}  // namespace braid
