#include "braid/server/openai/parse/tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

namespace braid::openai {

namespace {

using parsers::ToolChoice;
using parsers::ToolSpec;
using Mode = ToolChoice::Mode;

constexpr size_t kMaxNameBytes = 64;

bool is_function_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  });
}

bool is_function_type(const Json& object) {
  const Json* type = member(object, "type");
  return type == nullptr || *type == "function";
}

// The names of the two parameters, and what they hold.
struct Wording {
  std::string_view list;
  std::string_view choice;
  std::string_view item_form;
  std::string_view choice_forms;
};

constexpr Wording kTools = {
    .list = "tools",
    .choice = "tool_choice",
    .item_form = R"({"type": "function", "function": {"name": …}})",
    .choice_forms = R"("none", "auto", "required" or {"type": "function", "function": {"name": …}})"};
constexpr Wording kFunctions = {.list = "functions",
                                .choice = "function_call",
                                .item_form = R"({"name": …})",
                                .choice_forms = R"("none", "auto" or {"name": …})"};

// Reports errors under the names of `wording`; the message says which part is wrong.
class ToolReader {
 public:
  ToolReader(ParameterReader& reader, bool are_functions)
      : reader_(reader), are_functions_(are_functions), wording_(are_functions ? kFunctions : kTools) {}

  std::vector<ToolSpec> tools(const Json& list) {
    if (!list.is_array() || list.size() > kMaxTools) {
      reader_.fail_value(wording_.list, list, fmt::format("a list of at most {} {}", kMaxTools, wording_.list));
      return {};
    }
    std::vector<ToolSpec> tools;
    std::unordered_set<std::string> names;
    for (const Json& item : list) {
      const std::string where = fmt::format("{}[{}]", wording_.list, tools.size());
      auto tool = one(item, where);
      if (!tool) return {};
      if (!names.insert(tool->name).second) {
        reader_.fail(wording_.list,
                     fmt::format("{}name is \"{}\", as that of one before it", prefix_in(where), tool->name));
        return {};
      }
      tools.push_back(*std::move(tool));
    }
    return tools;
  }

  ToolChoice choice(const Json& value, const std::vector<ToolSpec>& tools) {
    if (value == "none") return {.mode = Mode::kNone};
    if (value == "auto") return {.mode = tools.empty() ? Mode::kNone : Mode::kAuto};
    if (value == "required" && !are_functions_) return forced(value, {.mode = Mode::kRequired}, tools);
    const Json* const function = function_in(value);
    const Json* const name = function != nullptr && function->is_object() ? member(*function, "name") : nullptr;
    if (name == nullptr || !name->is_string() || !is_function_type(value)) {
      reader_.fail_value(wording_.choice, value, wording_.choice_forms);
      return {.mode = Mode::kNone};
    }
    return forced(value, {.mode = Mode::kNamed, .name = name->get<std::string>()}, tools);
  }

 private:
  // The part that has the name.
  const Json* function_in(const Json& value) const {
    if (are_functions_ || !value.is_object()) return are_functions_ ? &value : nullptr;
    return member(value, "function");
  }

  std::string prefix_in(const std::string& where) const { return where + (are_functions_ ? "." : ".function."); }

  void fail_value(const std::string& where, const Json& value, std::string_view must_be) {
    reader_.fail(wording_.list, fmt::format("{} is {}: must be {}", where, json_excerpt(value), must_be));
  }

  std::optional<ToolSpec> one(const Json& item, const std::string& where) {
    const Json* const function = function_in(item);
    if (function == nullptr || !function->is_object() || !is_function_type(item)) {
      fail_value(where, item, wording_.item_form);
      return std::nullopt;
    }
    const std::string inside = prefix_in(where);
    const Json* const name = member(*function, "name");
    if (name == nullptr) {
      reader_.fail(wording_.list, inside + "name is missing");
      return std::nullopt;
    }
    if (!name->is_string() || !is_function_name(name->get_ref<const std::string&>())) {
      fail_value(inside + "name", *name, fmt::format("1 to {} letters, digits, _ and -", kMaxNameBytes));
      return std::nullopt;
    }
    ToolSpec tool{.name = name->get<std::string>()};
    if (const Json* description = member(*function, "description"); description && !description->is_string()) {
      fail_value(inside + "description", *description, "a string");
      return std::nullopt;
    }
    if (const Json* strict = member(*function, "strict")) {
      if (!strict->is_boolean()) {
        fail_value(inside + "strict", *strict, "true or false");
        return std::nullopt;
      }
      tool.is_strict = strict->get<bool>();
    }
    if (const Json* parameters = member(*function, "parameters")) {
      if (!parameters->is_object()) {
        fail_value(inside + "parameters", *parameters, "a JSON schema, an object");
        return std::nullopt;
      }
      if (const Json* type = member(*parameters, "type"); type != nullptr && *type != "object") {
        fail_value(inside + "parameters.type", *type, "\"object\"");
        return std::nullopt;
      }
      tool.parameters = parameters->dump();
    }
    return tool;
  }

  ToolChoice forced(const Json& value, ToolChoice choice, const std::vector<ToolSpec>& tools) {
    const ToolChoice nothing{.mode = Mode::kNone};
    if (tools.empty()) {
      reader_.fail(wording_.choice,
                   fmt::format("{} is {}, but there are no {}", wording_.choice, json_excerpt(value), wording_.list));
      return nothing;
    }
    if (choice.mode == Mode::kNamed && std::ranges::find(tools, choice.name, &ToolSpec::name) == tools.end()) {
      reader_.fail(wording_.choice,
                   fmt::format("{} names the function {}, which is none of the {} in {}", wording_.choice,
                               json_excerpt(Json(choice.name)), tools.size(), wording_.list));
      return nothing;
    }
    return choice;
  }

  ParameterReader& reader_;
  const bool are_functions_;
  const Wording& wording_;
};

// Functions in the form of tools.
Json as_tools(const Json& functions) {
  Json tools = Json::array();
  for (const Json& function : functions) tools.push_back({{"type", "function"}, {"function", function}});
  return tools;
}

ToolParameters read_one_kind(ParameterReader& reader, bool are_functions) {
  ToolParameters parameters{.are_functions = are_functions};
  ToolReader tool_reader(reader, are_functions);
  const Wording& wording = are_functions ? kFunctions : kTools;
  const Json* const list = reader.find(wording.list);
  if (list != nullptr) parameters.tools = tool_reader.tools(*list);
  if (reader.error()) return parameters;
  const Json* const choice = reader.find(wording.choice);
  parameters.choice = tool_reader.choice(choice != nullptr ? *choice : Json("auto"), parameters.tools);
  if (parameters.choice.mode == Mode::kNone) parameters.tools.clear();
  if (!parameters.tools.empty()) parameters.for_template = are_functions ? as_tools(*list) : *list;
  return parameters;
}

}  // namespace

ToolParameters read_tool_parameters(ParameterReader& reader) {
  const bool parallel = reader.boolean("parallel_tool_calls").value_or(true);
  ToolParameters tools = read_one_kind(reader, false);
  ToolParameters functions = read_one_kind(reader, true);
  tools.parallel = parallel;
  functions.parallel = false;  // a message has room for one function_call
  if (functions.tools.empty()) return tools;
  if (!tools.tools.empty()) {
    reader.fail("functions",
                "functions, which are deprecated, and tools exclude each other, unless one of tool_choice and "
                "function_call is \"none\"");
  }
  return functions;
}

}  // namespace braid::openai
