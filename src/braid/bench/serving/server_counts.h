// What a server reports about itself under /get_server_info, as far as `braid bench serving` uses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "braid/bench/serving/client.h"
#include "braid/bench/serving/report.h"
#include "braid/controller/step_balance.h"

namespace braid::serving {

// Since the server's start.
struct ServerCounts {
  int32_t dp_size = 1;
  StepBalance balance;
  uint64_t num_prompt_tokens = 0;
  uint64_t num_cached_tokens = 0;
  std::optional<double> front_cpu_s;            // processor time of all threads except the ranks'
  std::optional<int32_t> chunked_prefill_size;  // a setting

  ServerSide since(const ServerCounts& before) const;
};

// Nothing unless the text has all of it.
std::optional<ServerCounts> parse_server_counts(std::string_view info);
// Nothing if the server has no such page, like servers other than braid.
std::optional<ServerCounts> ask_server_counts(const ServerAddress& server, const std::string& api_key);

}  // namespace braid::serving
