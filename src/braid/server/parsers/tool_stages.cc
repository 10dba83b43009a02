#include "braid/server/parsers/tool_stages.h"

#include <utility>

namespace braid::parsers {

std::unique_ptr<Stage> make_tool_stage(ToolFormat format, ToolStage::Options options) {
  switch (format) {
    case ToolFormat::kNone:
    case ToolFormat::kHarmony:
      return nullptr;
    case ToolFormat::kHermes:
      return make_hermes_stage(std::move(options));
    case ToolFormat::kLlama3Json:
      return make_llama3_json_stage(std::move(options));
    case ToolFormat::kMistral:
      return make_mistral_stage(std::move(options));
    case ToolFormat::kDeepSeekV3:
      return make_deepseek_v3_stage(std::move(options));
    case ToolFormat::kQwen3Coder:
      return make_qwen3_coder_stage(std::move(options));
    case ToolFormat::kGlm45:
      return make_glm45_stage(std::move(options));
    case ToolFormat::kGranite:
      return make_granite_stage(std::move(options));
    case ToolFormat::kForced:
      return make_forced_stage(std::move(options));
  }
  return nullptr;
}

}  // namespace braid::parsers
