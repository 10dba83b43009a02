// Listening, the threads, and shutdown. What happens on a connection is in connection.cc.
#include "braid/server/http/server.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "braid/base/thread_role.h"
#include "braid/server/http/connection.h"
#include "braid/server/http/open_files.h"
#include "braid/server/http/tls_context.h"

namespace braid::http {
namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::seconds kWarningPause{10};

std::string to_string(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

Result<tcp::acceptor> listen_on(asio::io_context& context, const tcp::endpoint& endpoint) {
  error_code error;
  tcp::acceptor acceptor(context);
  const auto unless_failed = [&](auto&& step) {
    if (!error) step();
  };
  unless_failed([&] { acceptor.open(endpoint.protocol(), error); });
  unless_failed([&] { acceptor.set_option(asio::socket_base::reuse_address(true), error); });
  if (endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
    unless_failed([&] { acceptor.set_option(asio::ip::v6_only(false), error); });
  }
  unless_failed([&] { acceptor.bind(endpoint, error); });
  unless_failed([&] { acceptor.listen(asio::socket_base::max_listen_connections, error); });
  if (error == asio::error::address_in_use) {
    return fail("{} is in use by another program: choose another port, or 0 for any that is free", to_string(endpoint));
  }
  if (error) return fail("cannot listen on {}: {}", to_string(endpoint), error.message());
  return acceptor;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(ServerOptions options, Handler handler, std::shared_ptr<Logger> logger)
      : state_(std::move(options), std::move(handler), std::move(logger)), max_connections_(limits().max_connections) {
    for (int i = 0; i < std::max(1, state_.options.io_threads); ++i) threads_.push_back(std::make_unique<IoThread>());
  }

  Status open();
  void run();
  void begin_drain();
  bool wait_drained(std::chrono::milliseconds timeout);
  void stop();

  uint16_t port() const { return port_; }
  std::string url() const;
  size_t num_connections() const { return state_.num_connections; }
  size_t num_answers() {
    const std::lock_guard lock(state_.mutex);
    return state_.num_answers;
  }

 private:
  // A thread and its connections, which never leave it.
  struct IoThread {
    Connection::Set connections;
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    std::thread thread;
  };
  struct Listener {
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  const Limits& limits() const { return state_.options.limits; }
  void fit_open_files();
  Result<std::vector<tcp::endpoint>> endpoints();
  void accept(Listener& listener);
  void pause_accepting(Listener& listener, error_code error);
  void welcome(IoThread& thread, tcp::socket socket, const tcp::endpoint& client);
  void warn(const std::string& message);
  template <typename Do>
  void on_every_thread(Do action) {
    for (const auto& thread : threads_) asio::post(thread->context, [action, &thread = *thread] { action(thread); });
  }

  ServerState state_;
  size_t max_connections_;
  uint16_t port_ = 0;
  std::optional<asio::ssl::context> tls_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::vector<std::unique_ptr<Listener>> listeners_;  // on the first thread
  size_t num_accepted_ = 0;
  std::chrono::steady_clock::time_point next_warning_;
  std::mutex stop_mutex_;
};

// Warn about a limit too low now, not when connections fail.
void HttpServer::Impl::fit_open_files() {
  const size_t wanted = wanted_open_files(max_connections_);
  const size_t allowed = raise_open_files(wanted);
  if (allowed >= wanted) return;
  max_connections_ = allowed > kMaxRefusals + kOtherFiles ? allowed - kMaxRefusals - kOtherFiles : allowed / 2;
  state_.logger->warn(
      "http: {} connections need {} open files, but this process may have {}: at most {} connections are served "
      "(raise the hard limit: ulimit -Hn, LimitNOFILE=)",
      limits().max_connections, wanted, allowed, max_connections_);
}

Result<std::vector<tcp::endpoint>> HttpServer::Impl::endpoints() {
  const std::string& host = state_.options.host;
  error_code error;
  tcp::resolver resolver(threads_.front()->context);
  const auto found = resolver.resolve(host, std::to_string(state_.options.port), tcp::resolver::passive, error);
  if (error) return fail("host \"{}\" is neither an address nor a known name: {}", host, error.message());
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) {
    if (std::ranges::find(endpoints, entry.endpoint()) == endpoints.end()) endpoints.push_back(entry.endpoint());
  }
  return endpoints;
}

// A name may have several addresses ("localhost"): listen on all that this machine has, on one port.
Status HttpServer::Impl::open() {
  const ServerOptions& options = state_.options;
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return fail("TLS needs a certificate and its key: only the {} is given",
                options.tls_key.empty() ? "certificate" : "key");
  }
  if (!options.tls_certificate.empty()) {
    TRY(SslContext context, make_tls_context(options.tls_certificate, options.tls_key));
    tls_.emplace(context.release());
  }
  fit_open_files();
  TRY(const std::vector<tcp::endpoint> addresses, endpoints());
  std::optional<Error> first_error;
  for (tcp::endpoint endpoint : addresses) {
    if (port_ != 0) endpoint.port(port_);
    asio::io_context& context = threads_.front()->context;
    auto acceptor = listen_on(context, endpoint);
    if (!acceptor.ok()) {
      if (!first_error) first_error = acceptor.error();
      continue;
    }
    port_ = acceptor->local_endpoint().port();
    listeners_.push_back(std::make_unique<Listener>(Listener{std::move(*acceptor), asio::steady_timer(context)}));
  }
  if (listeners_.empty()) return *first_error;
  return {};
}

std::string HttpServer::Impl::url() const {
  const std::string& host = state_.options.host;
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", tls_ ? "https" : "http", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port_);
}

void HttpServer::Impl::run() {
  for (const auto& listener : listeners_) accept(*listener);
  for (const auto& thread : threads_) {
    thread->thread = std::thread([this, &context = thread->context] {
      set_thread_role(ThreadRole::kHttp);
      while (true) {
        try {
          context.run();
          return;
        } catch (const std::exception& exception) {  // out of memory, in one connection's callback
          state_.logger->error("http: {}", exception.what());
        }
      }
    });
  }
}

void HttpServer::Impl::accept(Listener& listener) {
  IoThread& thread = *threads_[num_accepted_++ % threads_.size()];
  listener.acceptor.async_accept(thread.context, [this, &listener, &thread](error_code error, tcp::socket socket) {
    if (state_.is_stopping || error == asio::error::operation_aborted) return;
    if (error == asio::error::no_descriptors || error == boost::system::errc::too_many_files_open_in_system ||
        error == asio::error::no_buffer_space || error == asio::error::no_memory) {
      return pause_accepting(listener, error);
    }
    if (!error) {
      error_code left;
      const tcp::endpoint client = socket.remote_endpoint(left);
      if (!left) welcome(thread, std::move(socket), client);
    }
    accept(listener);
  });
}

// Clients wait in the backlog meanwhile. Trying again at once would only burn the processor.
void HttpServer::Impl::pause_accepting(Listener& listener, error_code error) {
  warn(fmt::format("http: cannot accept a connection: {}", error.message()));
  listener.pause.expires_after(kAcceptPause);
  listener.pause.async_wait([this, &listener](error_code) {
    if (!state_.is_stopping) accept(listener);
  });
}

void HttpServer::Impl::welcome(IoThread& thread, tcp::socket socket, const tcp::endpoint& client) {
  // Connections are counted on their thread: a burst may exceed the limit a little for a moment.
  asio::post(thread.context, [this, &thread, client = to_string(client), socket = std::move(socket)]() mutable {
    const size_t num_open = state_.num_connections;
    if (state_.is_stopping) return;
    const bool is_refused = num_open >= max_connections_;
    if (is_refused && (tls_ || num_open >= max_connections_ + kMaxRefusals)) return;
    const auto connection = std::make_shared<Connection>(std::move(socket), tls_ ? &*tls_ : nullptr, std::move(client),
                                                         state_, thread.connections);
    if (is_refused) {
      connection->start_refusal();
    } else {
      connection->start();
    }
  });
}

void HttpServer::Impl::warn(const std::string& message) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_warning_) return;
  next_warning_ = now + kWarningPause;
  state_.logger->warn("{}", message);
}

void HttpServer::Impl::begin_drain() {
  state_.is_draining = true;
  on_every_thread([](IoThread& thread) {
    for (Connection* connection : thread.connections) connection->wake();
  });
}

bool HttpServer::Impl::wait_drained(std::chrono::milliseconds timeout) {
  std::unique_lock lock(state_.mutex);
  state_.answers_changed.wait_for(lock, timeout, [&] { return state_.num_answers == 0 || state_.is_stopping; });
  return state_.num_answers == 0;
}

void HttpServer::Impl::stop() {
  const std::lock_guard stop_lock(stop_mutex_);
  if (state_.is_stopping) return;
  {
    const std::lock_guard lock(state_.mutex);
    state_.is_stopping = true;
    state_.answers_changed.notify_all();
  }
  asio::post(threads_.front()->context, [this] {
    for (const auto& listener : listeners_) {
      error_code ignored;
      listener->acceptor.close(ignored);
      listener->pause.cancel();
    }
  });
  on_every_thread([](IoThread& thread) {
    for (Connection* connection : thread.connections) connection->abort();
    thread.work.reset();
  });
  for (const auto& thread : threads_) {
    if (thread->thread.joinable()) thread->thread.join();
  }
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(ServerOptions options, Handler handler,
                                                      std::shared_ptr<Logger> logger) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler), std::move(logger));
  TRY_STATUS(impl->open());
  impl->run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() {
  stop();
}
uint16_t HttpServer::port() const {
  return impl_->port();
}
std::string HttpServer::url() const {
  return impl_->url();
}
void HttpServer::begin_drain() {
  impl_->begin_drain();
}
bool HttpServer::wait_drained(std::chrono::milliseconds timeout) {
  return impl_->wait_drained(timeout);
}
void HttpServer::stop() {
  impl_->stop();
}
size_t HttpServer::num_connections() const {
  return impl_->num_connections();
}
size_t HttpServer::num_answers() const {
  return impl_->num_answers();
}

}  // namespace braid::http
