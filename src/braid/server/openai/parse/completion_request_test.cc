// Bodies in, requests or named errors out.
#include <gtest/gtest.h>

#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/prepare/chat_renderer.h"
#include "braid/server/openai/prepare/parser_options.h"
#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

using testing::chat;
using testing::completion;
using testing::kLimits;

// The parameter that the error of a completion body with these further members names.
std::string refused(const std::string& members) {
  const auto parsed = parse_completion_request(R"({"prompt":"x",)" + members + "}", kLimits);
  const auto* error = std::get_if<ApiError>(&parsed);
  return error != nullptr ? error->param : "accepted";
}

std::string refused_chat(const std::string& body) {
  const auto parsed = parse_chat_request(body, kLimits);
  const auto* error = std::get_if<ApiError>(&parsed);
  return error != nullptr ? error->param : "accepted";
}

TEST(CompletionRequest, PromptsComeInFourShapes) {
  EXPECT_EQ(completion(R"({"prompt":"a"})").prompts, std::vector<Prompt>{Prompt("a")});
  EXPECT_EQ(completion(R"({"prompt":["a","b"]})").prompts, (std::vector<Prompt>{Prompt("a"), Prompt("b")}));
  const std::vector<TokenId> ids = {1, 2};
  EXPECT_EQ(completion(R"({"prompt":[1,2]})").prompts, std::vector<Prompt>{Prompt(ids)});
  EXPECT_EQ(completion(R"({"prompt":[[1,2],[1,2]]})").prompts, (std::vector<Prompt>{Prompt(ids), Prompt(ids)}));
}

TEST(CompletionRequest, AWrongPromptIsNamed) {
  for (const char* body :
       {"{}", R"({"prompt":null})", R"({"prompt":[]})", R"({"prompt":5})", R"({"prompt":[1,"a"]})",
        R"({"prompt":[100]})", R"({"prompt":[-1]})", R"({"prompt":[1.5]})", R"({"prompt":[[]]})",
        R"({"prompt":[[1],[true]]})", R"({"prompt":{"a":1}})", R"({"prompt":[99999999999999999999]})"}) {
    const auto parsed = parse_completion_request(body, kLimits);
    ASSERT_TRUE(std::holds_alternative<ApiError>(parsed)) << body;
    EXPECT_EQ(std::get<ApiError>(parsed).param, "prompt") << body;
  }
}

TEST(CompletionRequest, EveryParameterIsRead) {
  const auto request = completion(R"({"prompt":"x","model":"m","max_tokens":5,"temperature":0.5,"top_p":0.9,"top_k":-1,
    "min_p":0.1,"n":3,"seed":-1,"stop":["a","b"],"stop_token_ids":[7],"min_tokens":2,"ignore_eos":true,
    "frequency_penalty":1,"presence_penalty":-2,"repetition_penalty":1.1,"logit_bias":{"5":-100},"logprobs":4,
    "skip_special_tokens":false,"no_stop_trim":true,"return_token_ids":true,"priority":-3,"dp_rank":0,"user":"u","rid":"r",
    "timeout":1.5,"stream":false,"stream_options":{"include_usage":true},"unknown":{"x":1}})");
  const CommonParameters& common = request.common;
  EXPECT_EQ(common.max_tokens, 5);
  EXPECT_EQ(common.top_k, 0);
  EXPECT_EQ(common.seed, ~uint64_t{0});
  EXPECT_EQ(common.stop_strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(common.logit_bias.size(), 1U);
  EXPECT_EQ(common.top_logprobs, 4);
  EXPECT_TRUE(common.logprobs && common.ignore_eos && common.return_token_ids && common.include_usage);
  const auto generation = to_generation_request(common, request.prompts[0], true, 16, {});
  EXPECT_EQ(generation.sampling.max_new_tokens, 5);
  EXPECT_EQ(generation.sampling.min_new_tokens, 2);
  EXPECT_EQ(generation.n, 3);
  EXPECT_EQ(generation.sampling.seed, ~uint64_t{0});
  EXPECT_TRUE(generation.include_stop_in_text && !generation.skip_special_tokens && !generation.until_context_end);
}

TEST(CompletionRequest, DefaultsComeFromTheModelThenFromTheField) {
  const auto request = completion(R"({"prompt":"x","temperature":null,"top_p":null,"stop":null,"n":null})");
  const auto plain = to_generation_request(request.common, request.prompts[0], true, std::nullopt, {});
  EXPECT_EQ(plain.sampling.temperature, 1.0F);
  EXPECT_TRUE(plain.until_context_end);
  GenerationDefaults defaults;
  defaults.temperature = 0.25F;
  EXPECT_EQ(to_generation_request(request.common, request.prompts[0], true, 16, defaults).sampling.temperature, 0.25F);
}

TEST(CompletionRequest, WrongTypesAndRangesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("temperature":"hot")", "temperature"},
      {R"("temperature":true)", "temperature"},
      {R"("temperature":-1)", "temperature"},
      {R"("top_p":0)", "top_p"},
      {R"("top_p":1.1)", "top_p"},
      {R"("top_k":-2)", "top_k"},
      {R"("min_p":2)", "min_p"},
      {R"("n":0)", "n"},
      {R"("n":1000000)", "n"},
      {R"("n":true)", "n"},
      {R"("n":1.5)", "n"},
      {R"("max_tokens":0)", "max_tokens"},
      {R"("max_tokens":-1)", "max_tokens"},
      {R"("max_tokens":99999999999999999999)", "max_tokens"},
      {R"("seed":"x")", "seed"},
      {R"("stop":5)", "stop"},
      {R"("stop":[""])", "stop"},
      {R"("stop_token_ids":[100])", "stop_token_ids"},
      {R"("min_tokens":5,"max_tokens":4)", "min_tokens"},
      {R"("frequency_penalty":2.1)", "frequency_penalty"},
      {R"("presence_penalty":-3)", "presence_penalty"},
      {R"("repetition_penalty":0)", "repetition_penalty"},
      {R"("logit_bias":{"100":1})", "logit_bias"},
      {R"("logit_bias":{"x":1})", "logit_bias"},
      {R"("logit_bias":{"1":101})", "logit_bias"},
      {R"("logit_bias":[1])", "logit_bias"},
      {R"("logprobs":21)", "logprobs"},
      {R"("logprobs":true)", "logprobs"},
      {R"("suffix":"x")", "suffix"},
      {R"("best_of":2)", "best_of"},
      {R"("ignore_eos":1)", "ignore_eos"},
      {R"("echo":"yes")", "echo"},
      {R"("response_format":{"type":"json_objects"})", "response_format"},
      {R"("response_format":{"type":"json_schema"})", "response_format"},
      {R"("response_format":{"type":"json_object"},"regex":"a+")", "regex"},
      {R"("regex":"")", "regex"},
      {R"("ebnf":5)", "ebnf"},
      {R"("structured_outputs":{"structural_tag":"x"})", "structured_outputs"},
      {R"("structured_outputs":{"json":{},"regex":"a"})", "structured_outputs"},
      {R"("guided_choice":[])", "guided_choice"},
      {R"("guided_choice":["a",""])", "guided_choice"},
      {R"("guided_json":"{")", "guided_json"},
      {R"("stream_options":5)", "stream_options"},
      {R"("timeout":0)", "timeout"},
      {R"("dp_rank":1)", "dp_rank"},
      {R"("routed_dp_rank":-1)", "routed_dp_rank"},
      {R"("data_parallel_rank":"0")", "data_parallel_rank"},
      {R"("dp_rank_strict":1)", "dp_rank_strict"},
      {R"("dp_rank_strict":"yes")", "dp_rank_strict"},
      {R"("functions":[])", "functions"},
      {R"("guided_json":5)", "guided_json"}};
  for (const auto& [members, param] : cases) EXPECT_EQ(refused(members), param) << members;
  EXPECT_EQ(refused(R"("echo":true,"max_tokens":0)"), "accepted");
  EXPECT_EQ(refused(R"("echo":true,"max_tokens":0,"logprobs":5)"), "accepted");
  EXPECT_EQ(refused(R"("best_of":1,"response_format":{"type":"text"},"suffix":null)"), "accepted");
}

TEST(CompletionRequest, AGroupIsNamedAsAHintOrAsAnOrder) {
  ProtocolLimits limits = kLimits;
  limits.dp_size = 4;
  const auto placed = [&](std::string_view members) {
    const auto parsed = parse_completion_request(fmt::format(R"({{"prompt":"x",{}}})", members), limits);
    const auto* request = std::get_if<CompletionRequest>(&parsed);
    if (request == nullptr) return std::get<ApiError>(parsed).message;
    const auto generation = to_generation_request(request->common, request->prompts[0], true, 16, {});
    return fmt::format("{}{}", generation.dp_rank.value_or(-1), generation.dp_rank_strict ? " strictly" : "");
  };
  EXPECT_EQ(placed(R"("n":1)"), "-1");
  EXPECT_EQ(placed(R"("dp_rank":3)"), "3");
  EXPECT_EQ(placed(R"("routed_dp_rank":2)"), "2");
  EXPECT_EQ(placed(R"("data_parallel_rank":1)"), "1");
  EXPECT_EQ(placed(R"("dp_rank":3,"dp_rank_strict":true)"), "3 strictly");
  EXPECT_EQ(placed(R"("dp_rank":3,"dp_rank_strict":false)"), "3");
  EXPECT_EQ(placed(R"("dp_rank_strict":2)"), "2 strictly");
  EXPECT_EQ(placed(R"("dp_rank":4)"), "dp_rank is 4: must be an integer from 0 to 3");
}

TEST(CompletionRequest, OneBodyAsksForSoManySequences) {
  ProtocolLimits limits = kLimits;
  limits.max_sequences = 6;
  const auto accepts = [&](std::string_view body) {
    return std::holds_alternative<CompletionRequest>(parse_completion_request(body, limits));
  };
  EXPECT_TRUE(accepts(R"({"prompt":["a","b"],"n":3})"));
  EXPECT_FALSE(accepts(R"({"prompt":["a","b"],"n":4})"));
}

TEST(StructuredOutput, EveryWayToAskForItIsRead) {
  const auto shape = [](const std::string& members) {
    return completion(R"({"prompt":"x",)" + members + "}").common.structured_output;
  };
  EXPECT_EQ(shape(R"("response_format":{"type":"text"})"), StructuredOutput());
  EXPECT_EQ(shape(R"("response_format":{"type":"json_object"})"), StructuredOutput(AnyJsonObject()));
  EXPECT_EQ(shape(R"("response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"null"}}})"),
            StructuredOutput(JsonSchema{R"({"type":"null"})"}));
  EXPECT_EQ(shape(R"("regex":"a+")"), StructuredOutput(RegexPattern{"a+"}));
  EXPECT_EQ(shape(R"("ebnf":"root ::= \"a\"")"), StructuredOutput(EbnfGrammar{"root ::= \"a\""}));
  EXPECT_EQ(shape(R"("structured_outputs":{"choice":["a","b"],"json":null})"), StructuredOutput(OneOf{{"a", "b"}}));
  EXPECT_EQ(shape(R"("structured_outputs":{"json_object":true})"), StructuredOutput(AnyJsonObject()));
  EXPECT_EQ(shape(R"("structured_outputs":{"json_object":false})"), StructuredOutput());
  EXPECT_EQ(shape(R"("structured_outputs":{"grammar":"g"})"), StructuredOutput(EbnfGrammar{"g"}));
  EXPECT_EQ(shape(R"("guided_json":"{\"type\":\"null\"}")"), StructuredOutput(JsonSchema{R"({"type":"null"})"}));
  EXPECT_EQ(shape(R"("guided_json":true)"), StructuredOutput(JsonSchema{"true"}));
  EXPECT_EQ(shape(R"("guided_regex":"[0-9]")"), StructuredOutput(RegexPattern{"[0-9]"}));
  EXPECT_EQ(shape(R"("guided_grammar":null)"), StructuredOutput());
}

TEST(RequestBody, HostileJsonIsRefused) {
  for (const std::string& body :
       {std::string(), std::string("["), std::string("[]"), std::string("5"), std::string("{\"prompt\":\"\xff\"}"),
        std::string("{\"prompt\":NaN}"), std::string(100'000, '['), std::string("{\"prompt\":\"x\"} x"),
        std::string("{\"a\":") + std::string(10'000, '[') + std::string(10'000, ']') + "}"}) {
    const auto parsed = parse_completion_request(body, kLimits);
    EXPECT_TRUE(std::holds_alternative<ApiError>(parsed)) << body.substr(0, 50);
    EXPECT_TRUE(std::holds_alternative<ApiError>(parse_chat_request(body, kLimits)));
  }
}

TEST(ChatRequest, MessagesArePlainAfterwards) {
  const auto request = chat(R"({"messages":[{"role":"developer","content":"d"},{"role":"user","content":[
    {"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"assistant","tool_calls":[
    {"function":{"name":"f","arguments":"{\"x\":1}"}}]}],"tools":[{"type":"function","function":{"name":"f"}}],
    "chat_template_kwargs":{"enable_thinking":false},"max_tokens":5,"max_completion_tokens":7})");
  const Json as_object = template_variables(request, ArgumentStyle::kObject);
  EXPECT_EQ(as_object["messages"][0]["role"], "developer");
  EXPECT_EQ(as_object["messages"][1]["content"], "a\nb");
  EXPECT_EQ(as_object["messages"][2]["content"], nullptr);
  EXPECT_EQ(as_object["messages"][2]["tool_calls"][0]["function"]["arguments"]["x"], 1);
  const Json as_text = template_variables(request, ArgumentStyle::kText);
  EXPECT_EQ(as_text["messages"][2]["tool_calls"][0]["function"]["arguments"], "{\"x\":1}");
  EXPECT_EQ(as_object["enable_thinking"], false);
  EXPECT_EQ(as_object["tools"].size(), 1U);
  EXPECT_EQ(as_object["add_generation_prompt"], true);
  EXPECT_EQ(request.common.max_tokens, 7);
}

TEST(ChatRequest, WrongMessagesAreNamed) {
  for (const char* body :
       {"{}", R"({"messages":[]})", R"({"messages":"x"})", R"({"messages":[{"content":"x"}]})",
        R"({"messages":[{"role":"user"}]})", R"({"messages":[{"role":"user","content":5}]})",
        R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
        R"({"messages":[{"role":5,"content":"x"}]})", R"({"messages":[{"role":"user","content":"x","tool_calls":5}]})",
        R"({"messages":[{"role":"assistant","content":"x"},{"role":"assistant","content":"y"}]})"}) {
    EXPECT_EQ(refused_chat(body), "messages") << body;
  }
  EXPECT_EQ(refused_chat(R"({"messages":[5]})"), "messages[0]");
  const std::string ok = R"("messages":[{"role":"user","content":"x"}])";
  EXPECT_EQ(refused_chat("{" + ok + R"(,"top_logprobs":3})"), "top_logprobs");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"logprobs":true,"top_logprobs":21})"), "top_logprobs");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"functions":[]})"), "functions");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"tool_choice":"required"})"), "tool_choice");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"tools":[{"x":1}]})"), "tools");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"continue_final_message":true,"add_generation_prompt":true})"),
            "continue_final_message");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"chat_template_kwargs":5})"), "chat_template_kwargs");
}

TEST(ChatParser, ReadsTheOutputAsModelAndRequestSay) {
  using parsers::ReasoningFormat;
  using parsers::ToolFormat;
  const parsers::TemplateFormats formats{.reasoning = ReasoningFormat::kQwen3,
                                         .tools = ToolFormat::kMistral,
                                         .ids = parsers::CallIdStyle::kNineAlphanumeric};
  const auto options = [&](const std::string& members, std::string_view prompt) {
    return parser_options(chat(R"({"messages":[{"role":"user","content":"x"}])" + members + "}"), formats, prompt, 5);
  };
  const std::string tools = R"(,"tools":[{"type":"function","function":{"name":"f"}}])";
  const auto plain = options("", "x");
  EXPECT_EQ(plain.reasoning, ReasoningFormat::kQwen3);
  EXPECT_TRUE(plain.separate_reasoning && !plain.begins_inside_reasoning);
  EXPECT_EQ(plain.tools, ToolFormat::kNone) << "there are none";
  EXPECT_FALSE(looks_for_special_tokens(plain));
  EXPECT_TRUE(options("", "x<think>\n").begins_inside_reasoning);
  EXPECT_FALSE(options(R"(,"separate_reasoning":false)", "x").separate_reasoning);
  const auto called = options(tools + R"(,"parallel_tool_calls":false)", "x");
  EXPECT_EQ(called.tools, ToolFormat::kMistral);
  EXPECT_TRUE(called.tool_set->knows("f"));
  EXPECT_FALSE(called.parallel_tool_calls);
  EXPECT_EQ(called.id_style, parsers::CallIdStyle::kNineAlphanumeric);
  EXPECT_TRUE(looks_for_special_tokens(called));
  EXPECT_EQ(options(tools + R"(,"tool_choice":"none")", "x").tools, ToolFormat::kNone);
  // A message of the assistant's that goes on may be in the middle of its thinking.
  const auto continued = chat(R"({"messages":[{"role":"user","content":"x"},
    {"role":"assistant","content":"<think>so"}],"continue_final_message":true})");
  EXPECT_TRUE(parser_options(continued, formats, "x<think>so", 5).begins_inside_reasoning);
  EXPECT_EQ(refused_chat(R"({"messages":[{"role":"user","content":"x"}],"separate_reasoning":1})"),
            "separate_reasoning");
}

TEST(ChatRenderer, ATemplateGetsArgumentsInTheStyleThatItShowsWell) {
  const auto request = chat(R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[
    {"function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","content":"y"}]})");
  const auto arguments_in = [](const Json& variables) {
    return variables["messages"][1]["tool_calls"][0]["function"]["arguments"];
  };
  // As `{{ arguments | tojson }}` does: text comes out quoted.
  const ChatRenderer as_json([&](const Json& v) { return Result<std::string>(arguments_in(v).dump()); }, false);
  EXPECT_EQ(*as_json.prompt(request), "{\"x\":1}");
  // As `{{ arguments }}` does: an object comes out as Python writes it.
  const ChatRenderer plain(
      [&](const Json& v) {
        const Json arguments = arguments_in(v);
        return Result<std::string>(arguments.is_string() ? arguments.get<std::string>() : "{'probe_key': …}");
      },
      false);
  EXPECT_EQ(*plain.prompt(request), "{\"x\":1}");
  // One that takes text alone, and says so.
  const ChatRenderer strict(
      [&](const Json& v) -> Result<std::string> {
        if (v["messages"].size() < 3) return fail("no probes");
        if (!arguments_in(v).is_string()) return fail("arguments must be text");
        return std::string("fine");
      },
      false);
  EXPECT_EQ(*strict.prompt(request), "fine");
}

TEST(ChatRenderer, ADeveloperIsTheSystemWhereTheTemplateKnowsNone) {
  const auto request = chat(R"({"messages":[{"role":"developer","content":"d"},{"role":"user","content":"x"}]})");
  const auto roles = [](const Json& v) { return Result<std::string>(v["messages"][0]["role"].get<std::string>()); };
  EXPECT_EQ(*ChatRenderer(roles, false).prompt(request), "system");
  EXPECT_EQ(*ChatRenderer(roles, true).prompt(request), "developer");
  const auto refuses = [](const Json&) { return Result<std::string>(fail("no such role")); };
  EXPECT_EQ(ChatRenderer(refuses, false).prompt(request).error().message, "no such role");
}

TEST(ChatRequest, AFinalMessageIsContinuedWhereItEnds) {
  const auto request = chat(R"({"messages":[{"role":"assistant","content":"so far"}],"continue_final_message":true})");
  EXPECT_FALSE(request.add_generation_prompt);
  Json variables = template_variables(request, ArgumentStyle::kObject);
  mark_final_message(variables);
  const std::string content = variables["messages"][0]["content"];
  EXPECT_EQ(*cut_at_mark("<a>" + content + "</a>\n"), "<a>so far");
  // A template that trims takes the mark's space away; then what stood in front of it goes too.
  EXPECT_EQ(*cut_at_mark("<a>so far \nCONTINUE_FINAL_MESSAGE_TAG</a>"), "<a>so far");
  EXPECT_FALSE(cut_at_mark("nothing").ok());
}

}  // namespace
}  // namespace braid::openai
