#include "braid/bench/serving/server_page.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>

namespace braid::serving {

Result<std::string> ask_server(const ServerAddress& server, const std::string& api_key, PageMethod method,
                               const std::string& path) {
  namespace asio = boost::asio;
  namespace http = boost::beast::http;
  constexpr std::chrono::seconds kPatience(10);
  constexpr uint64_t kMaxBytes = uint64_t{8} << 30;  // of a profile of 64 ranks: some 100 bytes a span
  const auto failed = [&](std::string_view why) {
    return fail("http://{}:{}{}: {}", server.host, server.port, path, why);
  };
  asio::io_context context;
  boost::system::error_code error;
  asio::ip::tcp::resolver resolver(context);
  const auto endpoints = resolver.resolve(server.host, server.port, error);
  if (error) return failed(error.message());
  boost::beast::tcp_stream stream(context);
  stream.expires_after(kPatience);
  stream.connect(endpoints, error);
  if (error) return failed(error.message());
  http::request<http::empty_body> request(method == PageMethod::kPost ? http::verb::post : http::verb::get, path, 11);
  request.set(http::field::host, server.host + ":" + server.port);
  request.set(http::field::connection, "close");
  if (!api_key.empty()) request.set(http::field::authorization, "Bearer " + api_key);
  if (method == PageMethod::kPost) request.content_length(0);
  http::write(stream, request, error);
  if (error) return failed(error.message());
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxBytes);
  http::read(stream, buffer, parser, error);
  if (error) return failed(error.message());
  http::response<http::string_body> response = parser.release();
  if (response.result() != http::status::ok) return failed(fmt::format("status {}", response.result_int()));
  return std::move(response).body();
}

}  // namespace braid::serving
