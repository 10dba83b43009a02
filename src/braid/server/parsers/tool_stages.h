// The parsers of tool calls, one for each format. Tested by json_calls_test.cc, tagged_calls_test.cc and
// random_outputs_test.cc.
#pragma once

#include <memory>

#include "braid/server/parsers/format.h"
#include "braid/server/parsers/tool_stage.h"

namespace braid::parsers {

// Null for ToolFormat::kNone, and for kHarmony (make_harmony_stage).
std::unique_ptr<Stage> make_tool_stage(ToolFormat format, ToolStage::Options options);

std::unique_ptr<Stage> make_hermes_stage(ToolStage::Options options);
std::unique_ptr<Stage> make_granite_stage(ToolStage::Options options);
std::unique_ptr<Stage> make_llama3_json_stage(ToolStage::Options options);
std::unique_ptr<Stage> make_mistral_stage(ToolStage::Options options);
std::unique_ptr<Stage> make_deepseek_v3_stage(ToolStage::Options options);
std::unique_ptr<Stage> make_qwen3_coder_stage(ToolStage::Options options);
std::unique_ptr<Stage> make_glm45_stage(ToolStage::Options options);
std::unique_ptr<Stage> make_forced_stage(ToolStage::Options options);

struct HarmonyOptions {
  ToolStage::Options tools;
  bool has_tools = true;        // false: a call is content
  bool gives_reasoning = true;  // false: thinking is content, with its markers
};
std::unique_ptr<Stage> make_harmony_stage(HarmonyOptions options);

}  // namespace braid::parsers
