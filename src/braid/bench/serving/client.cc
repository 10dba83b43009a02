#include "braid/bench/serving/client.h"

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <charconv>
#include <memory>
#include <utility>

#include "braid/base/clock.h"

namespace braid::serving {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kMaxErrorBytes = 4096;

class Load {
 public:
  Load(const LoadOptions& options, std::span<const Prompt> prompts, const LateRequests& late,
       const std::function<void(size_t)>& on_end)
      : options_(options),
        prompts_(prompts),
        late_(late),
        on_end_(on_end),
        slot_freed_(context_),
        all_begun_(context_, asio::steady_timer::time_point::max()) {
    result_.requests.resize(prompts.size());
    result_.late.resize(late.prompts.size());
  }

  LoadResult run() {
    start_s_ = monotonic_seconds();
    asio::co_spawn(context_, send_all(), asio::detached);
    context_.run();
    result_.seconds = now();
    return std::move(result_);
  }

 private:
  double now() const { return monotonic_seconds() - start_s_; }

  asio::awaitable<void> send_all() {
    error_code error;
    tcp::resolver resolver(context_);
    const auto endpoints = co_await resolver.async_resolve(options_.server.host, options_.server.port,
                                                           asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      for (RequestTimes& request : result_.requests) request.error = error.message();
      for (RequestTimes& request : result_.late) request.error = error.message();
      co_return;
    }
    if (!late_.prompts.empty()) asio::co_spawn(context_, send_late(endpoints), asio::detached);
    const std::vector<double> gaps = arrival_gaps(prompts_.size(), options_.request_rate, options_.seed);
    asio::steady_timer arrival(context_, std::chrono::steady_clock::now());
    for (size_t i = 0; i < prompts_.size(); ++i) {
      co_await wait_on(arrival, gaps[i]);
      while (options_.max_concurrency > 0 && num_open_ >= options_.max_concurrency) {
        slot_freed_.expires_at(asio::steady_timer::time_point::max());
        co_await slot_freed_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      }
      ++num_open_;
      asio::co_spawn(context_, send_early(i, endpoints), asio::detached);
    }
  }

  // Waits until `gap_s` after the previous arrival.
  static asio::awaitable<void> wait_on(asio::steady_timer& arrival, double gap_s) {
    if (gap_s <= 0) co_return;
    arrival.expires_at(arrival.expiry() +
                       std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(gap_s)));
    error_code error;
    co_await arrival.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }

  asio::awaitable<void> send_late(tcp::resolver::results_type endpoints) {
    error_code error;
    if (num_begun_ < prompts_.size()) {
      co_await all_begun_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
    const std::vector<double> gaps = arrival_gaps(late_.prompts.size(), late_.rate, options_.seed + 1);
    asio::steady_timer arrival(context_, std::chrono::steady_clock::now());
    for (size_t i = 0; i < late_.prompts.size(); ++i) {
      co_await wait_on(arrival, gaps[i]);
      asio::co_spawn(context_, send_one(late_.prompts[i], result_.late[i], endpoints, nullptr), asio::detached);
    }
  }

  asio::awaitable<void> send_early(size_t index, tcp::resolver::results_type endpoints) {
    bool has_begun = false;
    const std::function<void()> note_begun = [&] {
      if (std::exchange(has_begun, true)) return;
      if (++num_begun_ == prompts_.size()) all_begun_.cancel();
    };
    co_await send_one(prompts_[index], result_.requests[index], endpoints, note_begun);
    note_begun();
    --num_open_;
    slot_freed_.cancel();
  }

  // `on_first` is called after the first piece, and maybe again; it may be empty.
  asio::awaitable<void> send_one(const Prompt& prompt, RequestTimes& times, tcp::resolver::results_type endpoints,
                                 std::function<void()> on_first) {
    const std::string request = request_text(prompt);
    times.has_images = !prompt.images.empty();
    times.start_s = now();
    error_code error;
    tcp::socket socket(context_);
    co_await asio::async_connect(socket, endpoints, asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      socket.set_option(tcp::no_delay(true), error);
      co_await asio::async_write(socket, asio::buffer(request), asio::redirect_error(asio::use_awaitable, error));
    }
    if (!error) co_await read_answer(socket, times, on_first, error);
    if (error && times.error.empty()) times.error = error.message();
    times.end_s = now();
    on_end_(++num_ended_);
  }

  asio::awaitable<void> read_answer(tcp::socket& socket, RequestTimes& times, const std::function<void()>& on_first,
                                    error_code& error) {
    boost::beast::flat_buffer buffer;
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    co_await http::async_read_header(socket, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    const auto status = static_cast<int>(parser.get().result_int());
    StreamReader reader(options_.body.backend);
    std::string refusal;
    std::array<char, 16384> piece;
    while (!parser.is_done()) {
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      co_await http::async_read_some(socket, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
      if (error == http::error::need_buffer) error = {};
      if (error) co_return;
      const std::string_view bytes(piece.data(), piece.size() - parser.get().body().size);
      if (status != 200) {
        if (refusal.size() < kMaxErrorBytes) refusal += bytes;
        continue;
      }
      const int num_pieces = reader.push(bytes);
      for (int i = 0; i < num_pieces; ++i) times.pieces_s.push_back(now());
      if (num_pieces > 0 && on_first) on_first();
    }
    times.prompt_tokens = reader.prompt_tokens();
    times.output_tokens = reader.output_tokens();
    if (options_.keeps_text) times.text = reader.text();
    if (status != 200) {
      times.error = error_of(status, refusal);
    } else if (!reader.error().empty()) {
      times.error = reader.error();
    } else if (!reader.is_done()) {
      times.error = "the stream ended without [DONE]";
    }
  }

  std::string request_text(const Prompt& prompt) const {
    const std::string body = request_body(options_.body, prompt);
    const std::string key =
        options_.api_key.empty() ? std::string() : fmt::format("Authorization: Bearer {}\r\n", options_.api_key);
    return fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
        "Connection: close\r\n{}Content-Length: {}\r\n\r\n{}",
        endpoint(options_.body.backend), options_.server.host, options_.server.port, key, body.size(), body);
  }

  const LoadOptions& options_;
  const std::span<const Prompt> prompts_;
  const LateRequests late_;
  const std::function<void(size_t)>& on_end_;
  asio::io_context context_{1};
  asio::steady_timer slot_freed_;
  asio::steady_timer all_begun_;
  LoadResult result_;
  double start_s_ = 0;
  int32_t num_open_ = 0;
  size_t num_begun_ = 0;
  size_t num_ended_ = 0;
};

}  // namespace

Result<ServerAddress> parse_base_url(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  const auto wrong = [&] { return fail("--base-url {}: must be http://HOST:PORT", url); };
  if (!url.starts_with(kScheme)) return wrong();
  std::string_view rest = std::string_view(url).substr(kScheme.size());
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t colon = rest.rfind(':');
  const bool has_port = colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos;
  std::string_view host = has_port ? rest.substr(0, colon) : rest;
  const std::string_view port = has_port ? rest.substr(colon + 1) : "80";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || host.find('/') != std::string_view::npos || error != std::errc() ||
      end != port.data() + port.size() || number < 1 || number > 65535) {
    return wrong();
  }
  return ServerAddress{.host = std::string(host), .port = std::string(port)};
}

LoadResult run_load(const LoadOptions& options, std::span<const Prompt> prompts, const LateRequests& late,
                    const std::function<void(size_t)>& on_end) {
  return Load(options, prompts, late, on_end).run();
}

}  // namespace braid::serving
