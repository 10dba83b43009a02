#include "braid/node/mpi_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace braid {
namespace {

constexpr std::string_view kNodePrefix = "braid-node-";

}  // namespace

std::string node_name(int32_t node) {
  return fmt::format("{}{}", kNodePrefix, node);
}

int32_t node_of(std::string_view name) {
  int32_t node = -1;
  if (!name.starts_with(kNodePrefix)) return -1;
  name.remove_prefix(kNodePrefix.size());
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), node);
  return error == std::errc() && end == name.data() + name.size() && node >= 0 ? node : -1;
}

std::string shell_text(std::span<const std::string> command) {
  std::string text;
  for (const std::string& word : command) {
    text += text.empty() ? "'" : " '";
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += "'";
  }
  return text;
}

// braid binds its threads itself. Ranks that wait for others give way by themselves. MPI's daemons stay attached, so
// that they end with the agent that has started them. When one process has died nothing waits for the others, which
// MPI's daemons would give a second to end by themselves; what these know is in the front already.
std::vector<std::string> mpi_command(const MpiCommandOptions& options) {
  const std::vector<int32_t>& counts = options.processes_on_node;
  const int32_t total = std::accumulate(counts.begin(), counts.end(), 0);
  const bool is_here = counts.front() == total;
  if (total == 1 && is_here) return options.program;
  if (total == 1) {
    std::vector<std::string> command = options.launcher;
    command.push_back(node_name(static_cast<int32_t>(std::ranges::find(counts, 1) - counts.begin())));
    command.push_back(shell_text(options.program));
    return command;
  }
  std::vector<std::string> command{"mpirun", "--quiet", "--bind-to", "none", "--mca", "odls_base_sigkill_timeout", "0"};
  if (!options.message_layer.empty()) command.insert(command.end(), {"--mca", "pml", options.message_layer});
  if (options.is_root) command.emplace_back("--allow-run-as-root");
  if (is_here) {
    command.emplace_back("--oversubscribe");
  } else {
    std::string hosts;
    for (size_t node = 0; node < counts.size(); ++node) {
      if (counts[node] == 0) continue;
      const std::string name = node == 0 ? "localhost" : node_name(static_cast<int32_t>(node));
      hosts += fmt::format("{}{}:{}", hosts.empty() ? "" : ",", name, counts[node]);
    }
    command.insert(command.end(), {"--leave-session-attached", "--mca", "plm_rsh_agent",
                                   fmt::format("{}", fmt::join(options.launcher, " ")), "--mca",
                                   "plm_rsh_no_tree_spawn", "1", "-H", hosts});
  }
  command.insert(command.end(), {"-n", std::to_string(total)});
  command.insert(command.end(), options.program.begin(), options.program.end());
  return command;
}

}  // namespace braid
