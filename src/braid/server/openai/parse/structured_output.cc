#include "braid/server/openai/parse/structured_output.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

namespace braid::openai {

namespace {

constexpr size_t kMaxPatternBytes = 1 << 20;
constexpr size_t kMaxChoices = 10'000;

// Collects the form that the parameters ask for; at most one of them may ask.
class Collector {
 public:
  explicit Collector(ParameterReader& reader) : reader_(reader) {}

  void add(std::string_view name, std::optional<StructuredOutput> output) {
    if (!output) return;
    if (!first_name_.empty()) {
      return reader_.fail(name,
                          fmt::format("{} and {} exclude each other: an answer has one shape", first_name_, name));
    }
    first_name_ = name;
    output_ = *std::move(output);
  }

  StructuredOutput take(std::string& name) {
    name = std::move(first_name_);
    return std::move(output_);
  }

 private:
  ParameterReader& reader_;
  std::string first_name_;
  StructuredOutput output_;
};

// A schema as JSON or as text. Only the compiler checks whether it is valid.
std::optional<StructuredOutput> schema_of(ParameterReader& reader, std::string_view name, const Json* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_object() || value->is_boolean()) {
    return JsonSchema{value->dump(-1, ' ', false, Json::error_handler_t::replace)};
  }
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    if (auto parsed = parse_json(text); !parsed.ok()) {
      reader.fail(name, fmt::format("{} is no JSON: {}", name, parsed.error().message));
      return std::nullopt;
    } else if (parsed->is_object() || parsed->is_boolean()) {
      return JsonSchema{text};
    }
  }
  reader.fail_value(name, *value, "a JSON schema (an object), or the text of one");
  return std::nullopt;
}

// A text; it must not be empty.
std::optional<std::string> pattern_of(ParameterReader& reader, std::string_view name, const Json* value) {
  if (value == nullptr) return std::nullopt;
  const bool is_text = value->is_string() && !value->get_ref<const std::string&>().empty();
  if (is_text && value->get_ref<const std::string&>().size() <= kMaxPatternBytes) return value->get<std::string>();
  reader.fail_value(name, *value, fmt::format("a string of 1 to {} bytes", kMaxPatternBytes));
  return std::nullopt;
}

std::optional<StructuredOutput> regex_of(ParameterReader& reader, std::string_view name, const Json* value) {
  auto pattern = pattern_of(reader, name, value);
  return pattern ? std::optional<StructuredOutput>(RegexPattern{*std::move(pattern)}) : std::nullopt;
}

std::optional<StructuredOutput> grammar_of(ParameterReader& reader, std::string_view name, const Json* value) {
  auto grammar = pattern_of(reader, name, value);
  return grammar ? std::optional<StructuredOutput>(EbnfGrammar{*std::move(grammar)}) : std::nullopt;
}

std::optional<StructuredOutput> choice_of(ParameterReader& reader, std::string_view name, const Json* value) {
  if (value == nullptr) return std::nullopt;
  OneOf one_of;
  if (value->is_array() && !value->empty() && value->size() <= kMaxChoices) {
    for (const Json& choice : *value) {
      if (!choice.is_string() || choice.get_ref<const std::string&>().empty()) break;
      one_of.choices.push_back(choice.get<std::string>());
    }
  }
  if (value->is_array() && !one_of.choices.empty() && one_of.choices.size() == value->size()) return one_of;
  reader.fail_value(name, *value, fmt::format("a list of 1 to {} strings, none of them empty", kMaxChoices));
  return std::nullopt;
}

void read_response_format(ParameterReader& reader, Collector& collector) {
  constexpr std::string_view kName = "response_format";
  const Json* format = reader.find(kName);
  if (format == nullptr) return;
  const Json* type = format->is_object() ? member(*format, "type") : nullptr;
  if (type != nullptr && *type == "text") return;
  if (type != nullptr && *type == "json_object") return collector.add(kName, AnyJsonObject());
  if (type != nullptr && *type == "json_schema") {
    const Json* wrapper = member(*format, "json_schema");
    const Json* schema = wrapper != nullptr && wrapper->is_object() ? member(*wrapper, "schema") : nullptr;
    if (schema == nullptr) {
      return reader.fail(kName, "response_format of type json_schema needs json_schema: {\"name\": …, \"schema\": …}");
    }
    auto asked = schema_of(reader, kName, schema);
    if (const Json* strict = member(*wrapper, "strict"); strict != nullptr && asked) {
      if (!strict->is_boolean()) {
        return reader.fail_value("response_format.json_schema.strict", *strict, "true or false");
      }
      std::get<JsonSchema>(*asked).is_strict = strict->get<bool>();
    }
    return collector.add(kName, std::move(asked));
  }
  reader.fail(kName, fmt::format("response_format is {}: its type must be text, json_object or json_schema",
                                 json_excerpt(*format)));
}

// vLLM's {"json" | "regex" | "choice" | "grammar" | "json_object": …}.
void read_structured_outputs(ParameterReader& reader, Collector& collector) {
  constexpr std::string_view kName = "structured_outputs";
  const Json* value = reader.find(kName);
  if (value == nullptr) return;
  if (!value->is_object()) return reader.fail_value(kName, *value, "an object");
  if (member(*value, "structural_tag") != nullptr) {
    return reader.fail(kName, "structured_outputs.structural_tag is not supported");
  }
  collector.add(kName, schema_of(reader, kName, member(*value, "json")));
  collector.add(kName, regex_of(reader, kName, member(*value, "regex")));
  collector.add(kName, choice_of(reader, kName, member(*value, "choice")));
  collector.add(kName, grammar_of(reader, kName, member(*value, "grammar")));
  if (const Json* any_object = member(*value, "json_object")) {
    if (!any_object->is_boolean()) {
      reader.fail_value("structured_outputs.json_object", *any_object, "true or false");
    } else if (any_object->get<bool>()) {
      collector.add(kName, AnyJsonObject());
    }
  }
}

}  // namespace

StructuredOutput read_structured_output(ParameterReader& reader, std::string& name) {
  Collector collector(reader);
  read_response_format(reader, collector);
  collector.add("regex", regex_of(reader, "regex", reader.find("regex")));
  collector.add("ebnf", grammar_of(reader, "ebnf", reader.find("ebnf")));
  collector.add("json_schema", schema_of(reader, "json_schema", reader.find("json_schema")));
  read_structured_outputs(reader, collector);
  collector.add("guided_json", schema_of(reader, "guided_json", reader.find("guided_json")));
  collector.add("guided_regex", regex_of(reader, "guided_regex", reader.find("guided_regex")));
  collector.add("guided_choice", choice_of(reader, "guided_choice", reader.find("guided_choice")));
  collector.add("guided_grammar", grammar_of(reader, "guided_grammar", reader.find("guided_grammar")));
  return collector.take(name);
}

}  // namespace braid::openai
