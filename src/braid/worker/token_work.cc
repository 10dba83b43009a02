#include "braid/worker/token_work.h"

#include <algorithm>

namespace braid {

int32_t positions_of_a_token(const ModelConfig& config) {
  const double q_size = static_cast<double>(config.num_heads) * config.head_dim;
  const double kv_size = static_cast<double>(config.num_kv_heads) * config.head_dim;
  double products = 0;    // multiplications of a token with weights
  double a_position = 0;  // of its attention to one position
  for (size_t layer = 0; layer < static_cast<size_t>(config.num_layers); ++layer) {
    const bool is_moe = !config.is_moe_layer.empty() && config.is_moe_layer[layer];
    const double ffn =
        is_moe ? static_cast<double>(config.moe.experts_per_token) * config.moe.expert_ffn + config.moe.shared_ffn
               : config.ffn;
    products += config.hidden * (2 * q_size + 2 * kv_size + 3 * ffn);
    const bool sees_all = config.layer_windows.empty() || config.layer_windows[layer] == 0;
    if (sees_all) a_position += 2 * q_size;
  }
  if (a_position == 0) return kMaxInt32;
  return static_cast<int32_t>(std::clamp(products / a_position, 1.0, static_cast<double>(kMaxInt32)));
}

}  // namespace braid
