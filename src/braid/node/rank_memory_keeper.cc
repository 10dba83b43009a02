#include "braid/node/rank_memory_keeper.h"

#include <utility>

namespace braid {

std::optional<MemoryKeeper> keep_memory(const std::filesystem::path& runtime, std::span<const std::string> names,
                                        Logger& log) {
  auto keeper = MemoryKeeper::make(runtime / "kept", names);
  if (keeper.ok()) return std::move(keeper).value();
  log.warn("a world that starts again will compute all keys and values again: {}", keeper.error().message);
  return std::nullopt;
}

std::vector<std::string> kept_memory_environment(const std::optional<MemoryKeeper>& keeper) {
  if (!keeper) return {};
  return {std::string(kKeptMemoryVariable) + "=" + keeper->folder().string()};
}

}  // namespace braid
