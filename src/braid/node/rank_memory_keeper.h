// What a front and a node's agent keep for the next start of the ranks that they start: their keys and values
// (worker/kept_memories.h). Tested by tests/e2e/test_rank_processes.py.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/base/kept_memory.h"
#include "braid/base/log.h"

namespace braid {

// In the environment of `braid rank`: the keeper's folder.
inline constexpr const char* kKeptMemoryVariable = "BRAID_KEPT_MEMORY";

// In a folder of its own below `runtime`. Where it cannot be had the log says so, and the next start computes again.
std::optional<MemoryKeeper> keep_memory(const std::filesystem::path& runtime, std::span<const std::string> names,
                                        Logger& log);
std::vector<std::string> kept_memory_environment(const std::optional<MemoryKeeper>& keeper);

}  // namespace braid
