#include "braid/cli/bench/serving/server_counts.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <string>

#include "braid/formats/json.h"

namespace braid::serving {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

// Nothing for what is no count.
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
  return {.dp_size = dp_size,
          .balance_ratio = balance.since(before.balance).ratio(),
          .prefix_hit_rate = num_prompt == 0 ? 0 : static_cast<double>(num_cached) / static_cast<double>(num_prompt)};
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
  return counts;
}

std::optional<ServerCounts> ask_server_counts(const ServerAddress& server, const std::string& api_key) {
  constexpr std::chrono::seconds kPatience(10);
  asio::io_context context;
  boost::system::error_code error;
  asio::ip::tcp::resolver resolver(context);
  const auto endpoints = resolver.resolve(server.host, server.port, error);
  if (error) return std::nullopt;
  boost::beast::tcp_stream stream(context);
  stream.expires_after(kPatience);
  stream.connect(endpoints, error);
  if (error) return std::nullopt;
  http::request<http::empty_body> request(http::verb::get, "/get_server_info", 11);
  request.set(http::field::host, server.host + ":" + server.port);
  request.set(http::field::connection, "close");
  if (!api_key.empty()) request.set(http::field::authorization, "Bearer " + api_key);
  http::write(stream, request, error);
  if (error) return std::nullopt;
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::read(stream, buffer, response, error);
  if (error || response.result() != http::status::ok) return std::nullopt;
  return parse_server_counts(response.body());
}

}  // namespace braid::serving
