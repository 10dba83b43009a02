// A model's architecture as plain data, read from Hugging Face's config.json or from a GGUF file's metadata.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/config/image_processor_config.h"
#include "braid/config/quantization_config.h"
#include "braid/config/video_processor_config.h"
#include "braid/config/vision_config.h"
#include "braid/request/ids.h"
#include "braid/tensor/dtype.h"

namespace braid {

// Larger values are refused where an int32_t is needed.
inline constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();

// Limits of the factors that divide a rotary embedding's frequencies. Within them no position's angle is infinite.
inline constexpr double kMinRopeFactor = 1e-6;
inline constexpr double kMaxRopeFactor = 1e9;

// Rotary embedding. The kinds are those of transformers' rope_scaling / rope_parameters. ("dynamic" becomes kDefault:
// it differs only beyond the context, which no request exceeds.)
struct RopeConfig {
  enum class Kind : uint8_t { kDefault, kLinear, kLlama3, kYarn, kLongRope };
  Kind kind = Kind::kDefault;
  double theta = 10000.0;
  int32_t rotary_dim = 0;                // the first dimensions of each head; 0: all of them
  double factor = 1.0;                   // kLinear, kLlama3, kYarn
  double low_freq_factor = 1.0;          // kLlama3
  double high_freq_factor = 4.0;         // kLlama3
  int64_t original_max_position = 8192;  // kLlama3, kYarn, kLongRope
  double beta_fast = 32.0;        // kYarn: dimensions with more turns over the original context are not stretched
  double beta_slow = 1.0;         // kYarn: dimensions with fewer turns are stretched by the whole factor
  bool truncates_range = true;    // kYarn: the range of dimensions is rounded to whole ones
  double attention_factor = 1.0;  // multiplies cosines and sines
  // [rotary_dim / 2], the divisors of the frequencies: GGUF's rope_freqs.weight, kLongRope's short factors; empty:
  // none.
  std::vector<float> frequency_factors;
  std::vector<float> long_factors;  // kLongRope: for requests of more than original_max_position tokens
  // M-RoPE (Qwen2-VL, arXiv 2409.12191): a token has a position in time, a row and a column, and each pair of rotated
  // dimensions turns by one of the three. The number of pairs for each; all 0: every pair turns by the one position.
  std::array<int32_t, 3> mrope_sections = {};
  bool interleaves_mrope = false;  // the three take turns from pair to pair (Qwen3-VL), not section after section

  bool has_mrope() const { return mrope_sections != std::array<int32_t, 3>{}; }
};

enum class MoeRouter : uint8_t {
  kSoftmax,  // weights are the softmax over all experts
  kSigmoid,  // weights are sigmoids; chosen by sigmoid plus correction, within the best groups (DeepSeek-V3's noaux_tc)
};

struct MoeConfig {
  int32_t num_experts = 0;  // 0: every layer is dense
  int32_t experts_per_token = 0;
  int32_t expert_ffn = 0;       // intermediate size of one expert
  int32_t shared_ffn = 0;       // of the expert that every token goes through; 0: none
  bool normalize_top_k = true;  // weights of the chosen experts sum to 1
  MoeRouter router = MoeRouter::kSoftmax;
  int32_t num_expert_groups = 1;        // kSigmoid: consecutive groups of equal size
  int32_t expert_groups_per_token = 1;  // kSigmoid: the groups a token's experts may come from
  float routed_scale = 1.0F;            // kSigmoid: multiplies the final weights
};

struct ModelConfig {
  std::string architecture;  // "Qwen3ForCausalLM", …: the key of model/registry.cc
  int64_t vocab_size = 0;
  int32_t hidden = 0;
  int32_t num_layers = 0;
  int32_t num_heads = 0;
  int32_t num_kv_heads = 0;
  int32_t head_dim = 0;
  int32_t ffn = 0;           // intermediate size of a dense layer
  int64_t max_position = 0;  // the context that the checkpoint is made for
  float norm_eps = 1e-6F;
  bool tie_embeddings = false;
  bool qkv_bias = false;     // on the q, k and v projections
  bool output_bias = false;  // on attention's output projection
  bool mlp_bias = false;
  bool has_qk_norm = false;   // for families where it is an option
  float attention_scale = 0;  // of q·k; 0: 1 / sqrt(head_dim)
  float embedding_multiplier = 1.0F;
  float residual_multiplier = 1.0F;  // multiplies what each block adds
  float logits_divisor = 1.0F;
  bool rounds_embedding_multiplier = false;  // rounds to the dtype that the model computes in
  float attention_soft_cap = 0;              // AttentionParams::soft_cap
  float logits_soft_cap = 0;                 // Ops::soft_cap of the logits; 0: none
  float norm_offset = 0;                     // added to every norm's weight: 1 if checkpoints store its distance from 1
  RopeConfig rope;
  RopeConfig local_rope;  // for layers of has_local_rope
  MoeConfig moe;
  std::vector<bool> is_moe_layer;  // [num_layers]
  std::vector<int32_t>
      layer_windows;           // [num_layers]; empty: no layer has a window; 0: the layer sees all positions before it
  std::vector<bool> has_rope;  // [num_layers]; empty: all layers
  std::vector<bool> has_local_rope;       // [num_layers]; empty: no layer
  bool is_text_tower = false;             // of a vision-language checkpoint (weights/text_tower.h)
  bool sees_whole_images = false;         // an image's tokens see all of the image, not only what is before them
  std::optional<DType> checkpoint_dtype;  // for `--dtype auto`; absent: the stored tensors decide

  // Of a vision-language checkpoint with a tower that braid knows. (Absent if only its text is there.)
  std::optional<VisionConfig> vision;
  // How images become what that tower reads. Absent: the checkpoint does not say, so it takes none.
  std::optional<ImageProcessorConfig> image_processor;
  // The same of videos.
  std::optional<VideoProcessorConfig> video_processor;

  std::vector<TokenId> eos_token_ids;
  std::optional<TokenId> bos_token_id;
  std::optional<TokenId> pad_token_id;

  QuantizationConfig quantization;  // of a Hugging Face directory

  std::vector<std::string> notes;  // unused parts of the checkpoint: a line each, for the log and `inspect`

  int32_t rotary_dim() const { return rope.rotary_dim > 0 ? rope.rotary_dim : head_dim; }
  bool uses_local_rope(int32_t layer) const {
    return !has_local_rope.empty() && has_local_rope[static_cast<size_t>(layer)];
  }
  // A request of more tokens uses longrope's long factors at all its positions; 0: there are none.
  int32_t long_rope_from() const {
    return rope.long_factors.empty() ? 0 : static_cast<int32_t>(rope.original_max_position);
  }
};

// The sampling defaults of generation_config.json; absent: the engine's own.
struct GenerationDefaults {
  std::vector<TokenId> eos_token_ids;  // empty: config.json's
  std::optional<float> temperature;    // do_sample false becomes 0
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
};

// The default multiplier of longrope's cosines and sines (Ding et al., arXiv 2402.13753).
double longrope_attention_factor(double factor, int64_t original_max_position);

// "its next-token-prediction layer … is not used"
std::string next_token_layers_note(int64_t num_layers);

// Whether the numbers fit together and braid can run them: heads a multiple of KV heads, head_dim a multiple of 8, …
// `source` ("config.json") begins the error. Both readers end with this check. Tested by hf_config_test.cc.
Status check_model_config(const ModelConfig& config, std::string_view source);

}  // namespace braid
