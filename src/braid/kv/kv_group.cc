#include "braid/kv/kv_group.h"

#include <functional>
#include <utility>

#include "braid/base/check.h"

namespace braid {

KvGroups::KvGroups(std::span<const int32_t> layer_windows, int32_t count_of_layers) {
  const std::vector<int32_t> none(layer_windows.empty() ? static_cast<size_t>(std::max(count_of_layers, 0)) : 0, 0);
  if (layer_windows.empty()) layer_windows = none;
  CHECK(std::cmp_equal(layer_windows.size(), count_of_layers), "{} windows of {} layers", layer_windows.size(),
        count_of_layers);
  // Sorted as if 0 were the largest.
  const auto width = [](int32_t window) { return static_cast<uint32_t>(window - 1); };
  windows.assign(layer_windows.begin(), layer_windows.end());
  std::ranges::sort(windows, std::greater(), width);
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  if (windows.empty()) windows.push_back(0);
  num_layers.assign(windows.size(), 0);
  for (const int32_t window : layer_windows) {
    CHECK(window >= 0, "a window of {} positions", window);
    const auto kv_group = std::ranges::find(windows, window) - windows.begin();
    of_layer.push_back(static_cast<int32_t>(kv_group));
    ++num_layers[static_cast<size_t>(kv_group)];
  }
}

}  // namespace braid
