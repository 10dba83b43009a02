// How ranks in several processes come by the features of images: --mm-broadcast. Plain data. Tested by
// worker/image_strategy_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace braid {

// In this order by number, which travels.
enum class MmStrategy : uint8_t {
  kLocal,       // every process makes every image
  kPerRequest,  // the publisher's process makes it; a message for each request
  kBatch,       // the publisher's process makes it; a message for all images that are ready
  kSharded,     // each process makes a share, and sends it to the others
};

inline constexpr size_t kNumMmStrategies = 4;
inline constexpr std::array<std::string_view, kNumMmStrategies> kMmStrategyNames = {"local", "per_request", "batch",
                                                                                    "sharded"};

inline std::string_view name_of(MmStrategy strategy) {
  return kMmStrategyNames[static_cast<size_t>(strategy)];
}

// Absent: no strategy has this name.
inline std::optional<MmStrategy> mm_strategy_of(std::string_view name) {
  for (size_t i = 0; i < kNumMmStrategies; ++i) {
    if (kMmStrategyNames[i] == name) return static_cast<MmStrategy>(i);
  }
  return std::nullopt;
}

}  // namespace braid
