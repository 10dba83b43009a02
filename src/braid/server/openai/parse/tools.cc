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

// Reports errors under "tools" or "tool_choice"; the message says which part is wrong.
class ToolReader {
 public:
  explicit ToolReader(ParameterReader& reader) : reader_(reader) {}

  std::vector<ToolSpec> tools(const Json& list) {
    if (!list.is_array() || list.size() > kMaxTools) {
      reader_.fail_value("tools", list, fmt::format("a list of at most {} tools", kMaxTools));
      return {};
    }
    std::vector<ToolSpec> tools;
    std::unordered_set<std::string> names;
    for (const Json& item : list) {
      const std::string where = fmt::format("tools[{}]", tools.size());
      auto tool = one(item, where);
      if (!tool) return {};
      if (!names.insert(tool->name).second) {
        reader_.fail("tools",
                     fmt::format("{}.function.name is \"{}\", as that of a tool before it", where, tool->name));
        return {};
      }
      tools.push_back(*std::move(tool));
    }
    return tools;
  }

  ToolChoice choice(const Json& value, const std::vector<ToolSpec>& tools) {
    if (value == "none") return {.mode = Mode::kNone};
    if (value == "auto") return {.mode = tools.empty() ? Mode::kNone : Mode::kAuto};
    if (value == "required") return forced(value, {.mode = Mode::kRequired}, tools);
    const Json* const function = value.is_object() ? member(value, "function") : nullptr;
    const Json* const name = function != nullptr && function->is_object() ? member(*function, "name") : nullptr;
    if (name == nullptr || !name->is_string() || !is_function_type(value)) {
      reader_.fail_value("tool_choice", value,
                         "\"none\", \"auto\", \"required\" or {\"type\": \"function\", \"function\": {\"name\": …}}");
      return {.mode = Mode::kNone};
    }
    return forced(value, {.mode = Mode::kNamed, .name = name->get<std::string>()}, tools);
  }

 private:
  void fail_value(const std::string& where, const Json& value, std::string_view must_be) {
    reader_.fail("tools", fmt::format("{} is {}: must be {}", where, json_excerpt(value), must_be));
  }

  std::optional<ToolSpec> one(const Json& item, const std::string& where) {
    const Json* const function = item.is_object() ? member(item, "function") : nullptr;
    if (function == nullptr || !function->is_object() || !is_function_type(item)) {
      fail_value(where, item, "{\"type\": \"function\", \"function\": {\"name\": …}}");
      return std::nullopt;
    }
    const std::string inside = where + ".function.";
    const Json* const name = member(*function, "name");
    if (name == nullptr) {
      reader_.fail("tools", inside + "name is missing");
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
      reader_.fail("tool_choice", fmt::format("tool_choice is {}, but there are no tools", json_excerpt(value)));
      return nothing;
    }
    if (choice.mode == Mode::kNamed && std::ranges::find(tools, choice.name, &ToolSpec::name) == tools.end()) {
      reader_.fail("tool_choice", fmt::format("tool_choice names the function {}, which is none of the {} in tools",
                                              json_excerpt(Json(choice.name)), tools.size()));
      return nothing;
    }
    return choice;
  }

  ParameterReader& reader_;
};

}  // namespace

ToolParameters read_tool_parameters(ParameterReader& reader) {
  ToolParameters parameters;
  ToolReader tool_reader(reader);
  parameters.parallel = reader.boolean("parallel_tool_calls").value_or(true);
  const Json* const list = reader.find("tools");
  if (list != nullptr) parameters.tools = tool_reader.tools(*list);
  if (reader.error()) return parameters;
  const Json* const choice = reader.find("tool_choice");
  parameters.choice = tool_reader.choice(choice != nullptr ? *choice : Json("auto"), parameters.tools);
  if (parameters.choice.mode == Mode::kNone) parameters.tools.clear();
  if (!parameters.tools.empty()) parameters.for_template = *list;
  return parameters;
}

}  // namespace braid::openai
