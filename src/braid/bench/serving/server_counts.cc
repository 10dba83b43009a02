#include "braid/bench/serving/server_counts.h"

#include <cstdint>
#include <string>

#include "braid/bench/serving/server_page.h"
#include "braid/formats/json.h"

namespace braid::serving {
namespace {

// Nothing if the value is not a count.
std::optional<uint64_t> count_of(const Json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<uint64_t>();
}

}  // namespace

ServerSide ServerCounts::since(const ServerCounts& before) const {
  const uint64_t num_prompt = num_prompt_tokens - before.num_prompt_tokens;
  const uint64_t num_cached = num_cached_tokens - before.num_cached_tokens;
  ServerSide side{
      .dp_size = dp_size,
      .balance_ratio = balance.since(before.balance).ratio(),
      .prefix_hit_rate = num_prompt == 0 ? 0 : static_cast<double>(num_cached) / static_cast<double>(num_prompt)};
  if (front_cpu_s && before.front_cpu_s) side.front_cpu_s = *front_cpu_s - *before.front_cpu_s;
  return side;
}

std::optional<ServerCounts> parse_server_counts(std::string_view info) {
  const auto json = parse_json(info);
  if (!json.ok()) return std::nullopt;
  const auto dp_size = count_of(*json, "dp_size");
  const auto num_tokens = count_of(*json, "num_step_tokens");
  const auto num_even_tokens = count_of(*json, "num_even_step_tokens");
  if (!dp_size || !num_tokens || !num_even_tokens) return std::nullopt;
  ServerCounts counts{.dp_size = static_cast<int32_t>(*dp_size),
                      .balance = {.num_tokens = *num_tokens, .num_even_tokens = *num_even_tokens}};
  const auto groups = json->find("internal_states");
  if (groups == json->end() || !groups->is_array()) return std::nullopt;
  for (const Json& group : *groups) {
    const auto num_prompt = count_of(group, "num_prompt_tokens");
    const auto num_cached = count_of(group, "num_cached_tokens");
    if (!num_prompt || !num_cached) return std::nullopt;
    counts.num_prompt_tokens += *num_prompt;
    counts.num_cached_tokens += *num_cached;
  }
  if (const auto cpu = json->find("cpu_seconds"); cpu != json->end() && cpu->is_object()) {
    if (const auto front = cpu->find("front"); front != cpu->end() && front->is_number()) {
      counts.front_cpu_s = front->get<double>();
    }
  }
  if (const auto size = count_of(*json, "chunked_prefill_size"); size && *size >= 1 && *size <= INT32_MAX) {
    counts.chunked_prefill_size = static_cast<int32_t>(*size);
  }
  return counts;
}

std::optional<ServerCounts> ask_server_counts(const ServerAddress& server, const std::string& api_key) {
  const auto page = ask_server(server, api_key, PageMethod::kGet, "/get_server_info");
  return page.ok() ? parse_server_counts(*page) : std::nullopt;
}

}  // namespace braid::serving
