// Formats from templates: snippets in the style of published ones.
#include "braid/server/parsers/template_formats.h"

#include <gtest/gtest.h>

namespace braid::parsers {
namespace {

// "reasoning, tools"
std::string formats_of(std::string_view source) {
  const TemplateFormats formats = formats_of_template(source);
  const bool has_short_ids = formats.ids == CallIdStyle::kNineAlphanumeric;
  EXPECT_EQ(has_short_ids, formats.tools == ToolFormat::kMistral);
  return std::string(name_of(formats.reasoning)) + ", " + std::string(name_of(formats.tools));
}

TEST(TemplateFormats, PlainTemplatesHaveNoFormats) {
  EXPECT_EQ(formats_of(""), "none, none");
  EXPECT_EQ(formats_of("{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content }}{% endfor %}"),
            "none, none");
  // Markers that only look similar.
  EXPECT_EQ(formats_of("{{ '<|tool_call>call:' + f.name }} {% if m.tool_calls %}<minimax:tool_call>"), "none, none");
}

TEST(TemplateFormats, HermesIsRecognizedWithAndWithoutThinking) {
  const std::string calls =
      "{{ '<tool_call>\\n{\"name\": \"' + call.name + '\", \"arguments\": ' }}{{ call.arguments | tojson }}"
      "{{ '}\\n</tool_call>' }}";
  EXPECT_EQ(formats_of(calls), "none, hermes");
  EXPECT_EQ(formats_of(calls + "{%- if enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}"),
            "qwen3, hermes");
  // Hermes for Llama has Llama's headers, too.
  EXPECT_EQ(formats_of("<|start_header_id|>" + calls), "none, hermes");
}

TEST(TemplateFormats, FormatsThatShareHermesTagAreToldApart) {
  EXPECT_EQ(formats_of("{{ '<tool_call>\\n<function=' + call.name + '>\\n' }}{% for k, v in arguments %}"
                       "{{ '<parameter=' + k + '>\\n' }}"),
            "none, qwen3_coder");
  EXPECT_EQ(formats_of("{{ '<tool_call>' + call.name }}<arg_key>{{ k }}</arg_key>\n<arg_value>{{ v }}"
                       "</arg_value>{{ '<think></think>' }}"),
            "qwen3, glm45");
}

TEST(TemplateFormats, LlamaIsRecognized) {
  EXPECT_EQ(formats_of("{{ '<|start_header_id|>system<|end_header_id|>' }}{{ 'Environment: ipython\\n' }}"
                       "{{ '{\"name\": \"' + call.name + '\", ' }}{{ '\"parameters\": ' }}"),
            "none, llama3_json");
  EXPECT_EQ(formats_of("<|header_start|>{{ 'Answer as {\"name\": the name, \"parameters\": an object}' }}"),
            "none, llama3_json");
  // The first Llama 3 had no tools.
  EXPECT_EQ(formats_of("{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"), "none, none");
}

TEST(TemplateFormats, MistralIsRecognized) {
  EXPECT_EQ(formats_of("{{ '[TOOL_CALLS] [' }}{% if call.id|length != 9 %}"), "none, mistral");
  EXPECT_EQ(formats_of("{{ '[TOOL_CALLS]' + name + '[ARGS]' + arguments }}{{ '[THINK]' + t + '[/THINK]' }}"),
            "mistral, mistral");
}

TEST(TemplateFormats, DeepSeekIsRecognized) {
  const std::string calls = "{{'<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' + name + '<｜tool▁sep｜>' + arguments}}";
  // R1's template at first only cut thinking off; later it opened it in each prompt. V3.1's opens or closes it.
  EXPECT_EQ(formats_of(calls + "{% set content = content.split('</think>')[-1] %}{{'<｜Assistant｜>'}}"),
            "deepseek_r1, deepseek_v3");
  EXPECT_EQ(formats_of(calls + "{{ content.split('</think>')[-1] }}{{'<｜Assistant｜><think>\\n'}}"),
            "deepseek_r1, deepseek_v3");
  EXPECT_EQ(formats_of(calls + "{{'<｜Assistant｜>'}}{% if thinking %}{{'<think>'}}{% else %}{{'</think>'}}"),
            "qwen3, deepseek_v3");
  EXPECT_EQ(formats_of(calls), "none, deepseek_v3");
}

TEST(TemplateFormats, GraniteIsRecognized) {
  EXPECT_EQ(formats_of("Write <think></think> and then <response></response>.<|tool_call|>"), "granite, granite");
  EXPECT_EQ(formats_of("<|start_of_role|>assistant<|end_of_role|><|tool_call|>{{ message.content }}"), "none, granite");
}

TEST(TemplateFormats, HarmonyIsRecognized) {
  EXPECT_EQ(formats_of("{{- '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' }}"),
            "gpt_oss, gpt_oss");
}

}  // namespace
}  // namespace braid::parsers
