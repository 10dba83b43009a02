#include "braid/cli/serve_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "braid/base/freed_memory.h"
#include "braid/base/output_queue.h"
#include "braid/base/system_info.h"
#include "braid/cli/commands.h"
#include "braid/cli/model_files.h"
#include "braid/cli/node_command.h"
#include "braid/cli/signal_queue.h"
#include "braid/cli/terminal.h"
#include "braid/node/cluster_key.h"
#include "braid/node/front_claim.h"
#include "braid/server/service/routes.h"

namespace braid {

namespace {

using std::chrono::milliseconds;

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// Loads the model on a thread of its own. Meanwhile the server answers and signals are handled.
class Loading {
 public:
  Loading(const EngineOptions& options, const std::shared_ptr<Logger>& logger, bool shows_progress,
          SignalQueue& signals)
      : thread_([this, options, logger, shows_progress, &signals] {
          try {
            engine_ = load(options, logger, shows_progress);
          } catch (const std::exception& error) {  // the edge of the thread; out of memory, for example
            engine_ = fail("{}", error.what());
          }
          is_done_ = true;
          signals.wake();
        }) {}
  ~Loading() { thread_.join(); }

  bool is_done() const { return is_done_; }
  Result<std::unique_ptr<Engine>> take() { return std::move(engine_); }

 private:
  static Result<std::unique_ptr<Engine>> load(EngineOptions options, const std::shared_ptr<Logger>& logger,
                                              bool shows_progress) {
    TRY_STATUS(fetch_models(options.source, shows_progress ? "info" : "off"));
    ProgressBar bar("loading");
    return Engine::load(options, logger, [&](int64_t done, int64_t total) {
      if (shows_progress) bar.show(done, total);
    });
  }

  Result<std::unique_ptr<Engine>> engine_ = fail("not loaded yet");
  std::atomic<bool> is_done_ = false;
  std::thread thread_;
};

// Where clients find the server, on standard output: as the log writes its lines, unless a person reads them. Like the
// log, it waits for no reader, and a full disk is no failure of the server.
void announce(const std::string& url, const std::string& model, LogFormat format) {
  if (format == LogFormat::kText || isatty(STDOUT_FILENO) == 1) {
    OutputQueue(STDOUT_FILENO).push(fmt::format("page: {0}/\nAPI:  {0}/v1  (model {1})\n", url, model));
  } else {
    const auto out = make_logger(STDOUT_FILENO, {}, format);
    out->info("page: {}/", url);
    out->info("API:  {}/v1  (model {})", url, model);
  }
}

// Without stdio's buffers: nothing of the server writes to them.
[[noreturn]] void end_at_once(int code, Logger& logger) {
  logger.flush();
  _exit(code);
}

// Lets running requests finish, for `timeout` at most; the rest ends with "abort".
void drain(ApiService& service, http::HttpServer& server, SignalQueue& signals, milliseconds timeout, Logger& logger) {
  service.start_draining();
  server.begin_drain();
  logger.info("ending: {} requests are being answered, for {} s at most; another signal ends at once",
              server.num_answers(), static_cast<double>(timeout.count()) / 1000);
  constexpr milliseconds kStep{20};
  const auto end = std::chrono::steady_clock::now() + timeout;
  const auto is_done = [&] { return service.wait_until_idle(milliseconds(0)) && server.wait_drained(milliseconds(0)); };
  while (!is_done() && std::chrono::steady_clock::now() < end) {
    if (const auto signal = signals.wait(kStep)) end_at_once(128 + *signal, logger);
  }
  if (is_done()) return;
  logger.warn("{} requests were not finished in time: they end with \"abort\"", server.num_answers());
  service.abort_all();
  constexpr milliseconds kLastWrites{2000};
  const auto last = std::chrono::steady_clock::now() + kLastWrites;
  while (!is_done() && std::chrono::steady_clock::now() < last) {
    if (const auto signal = signals.wait(kStep)) end_at_once(128 + *signal, logger);
  }
}

// This node has taken over from node 0.
Result<std::unique_ptr<FrontClaimSender>> claim_front(const ServeFlags& flags, const ProcessOptions& own) {
  TRY(const ClusterKey key, read_cluster_key(own.cluster_key_file));
  TRY(const std::string node_0, node_0_endpoint(flags.processes));
  return std::make_unique<FrontClaimSender>(ProcessLinkOptions{.endpoint = node_0, .keys = key.for_process()},
                                            FrontClaim{.node = own.front_node, .host = host_name()});
}

// A signal ends the process: nothing runs yet, and loading cannot be interrupted. A node that has taken over from node
// 0 tries again, for nobody else could go on with the requests, and the other nodes may not have found it yet.
Result<std::unique_ptr<Engine>> load_front_engine(const ServeFlags& flags, const EngineOptions& options,
                                                  const std::shared_ptr<Logger>& logger, SignalQueue& signals) {
  constexpr milliseconds kPause{1000};
  const bool shows_progress = flags.format() == LogFormat::kText && logger->should_log(spdlog::level::info);
  for (int32_t num_retries = options.processes.front_node > 0 ? options.max_restarts : 0;; --num_retries) {
    Loading loading(options, logger, shows_progress, signals);
    while (!loading.is_done()) {
      if (signals.wait()) end_at_once(0, *logger);
    }
    auto engine = loading.take();
    if (engine.ok() || num_retries <= 0) return engine;
    logger->error("{}: it is tried again", engine.error().message);
    if (signals.wait(kPause)) end_at_once(0, *logger);
  }
}

Result<int> run_front(const ServeFlags& flags, EngineOptions engine_options) {
  TRY(http::ServerOptions options, flags.server_options());
  TRY(ServiceOptions service_options, flags.service_options());
  TRY(SignalQueue signals, SignalQueue::open());
  TRY(const LogLevels levels, parse_log_levels(flags.model.log_level));
  const auto logger = make_logger(STDERR_FILENO, levels, flags.format());
  if (!flags.journal.empty()) {
    TRY(service_options.journal, Journal::open(flags.journal_options(), logger));
  }
  engine_options.on_failure = [logger](const std::string&) { end_process_soon(logger); };
  ProcessOptions& processes = engine_options.processes;
  std::unique_ptr<FrontClaimSender> claim;
  if (processes.front_node > 0) {
    TRY(claim, claim_front(flags, processes));
    service_options.settings["standby"] = nullptr;
  } else if (processes.standby > 0) {
    service_options.standby_node = processes.standby;
    processes.journal = service_options.journal;
    processes.on_claim = [logger](const std::string& why) {
      logger->error("{}", why);
      end_process_soon(logger);
    };
  }

  ApiService service(std::move(service_options), logger);
  const bool has_keys = !options.guard.api_keys.empty();
  TRY(const auto server, start_server(service, std::move(options), logger));
  logger->info("listening at {}; loading {}", server->url(), flags.model.model_path);
  if (!has_keys && !is_loopback(flags.host)) {
    logger->warn("--host {} without --api-key: whoever reaches this address can use the model", flags.host);
  }

  auto engine = load_front_engine(flags, engine_options, logger, signals);
  if (!engine.ok()) {
    server->stop();
    return engine.error();
  }
  service.set_engine(std::move(engine).value());
  return_freed_memory();
  logger->flush();  // whoever waits for these lines finds the log of the start complete
  announce(server->url(), flags.model_name(), flags.format());

  while (!signals.wait()) {
  }
  drain(service, *server, signals, milliseconds(static_cast<int64_t>(flags.drain_timeout_s * 1000)), *logger);
  server->stop();
  // All is written, and threads of lost ranks may never end. Ranks on other nodes must be told.
  const bool has_agents = !processes.ranks_on_node.empty() && !processes.launched;
  if (service.has_lost_replica() && !has_agents) {
    std::fflush(nullptr);
    _exit(0);
  }
  return 0;
}

}  // namespace

Result<int> run_serve(const ServeFlags& flags) {
  TRY(EngineOptions engine_options, flags.engine_options());
  if (engine_options.processes.node > 0) {
    TRY(auto of_new_front, run_node(flags, engine_options));
    if (!of_new_front) return 0;
    engine_options = *std::move(of_new_front);
  }
  return run_front(flags, std::move(engine_options));
}

// Every process of the job has the model already, and the launcher alone can start a world again.
Result<int> run_launched_front(const ServeFlags& flags, LaunchedFront launched) {
  TRY(EngineOptions engine_options, flags.engine_options());
  engine_options.source.environment.is_offline = true;
  engine_options.max_restarts = 0;
  engine_options.processes.ranks_on_node = {engine_options.rank.layout.tp_size};
  engine_options.processes.launched = std::move(launched);
  return run_front(flags, std::move(engine_options));
}

void add_serve_command(Command app, CommandRunner& runner, const std::string& version,
                       std::vector<std::string> arguments) {
  auto flags = std::make_shared<ServeFlags>();
  flags->version = version;
  flags->arguments = std::move(arguments);
  const Command command = app.add_command("serve", "Serve a model over HTTP: OpenAI's API");
  add_serve_flags(command, *flags);
  runner.on_code(command, [flags] { return run_serve(*flags); });
}

}  // namespace braid
