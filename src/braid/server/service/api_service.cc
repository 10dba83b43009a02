#include "braid/server/service/api_service.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/log_parts.h"
#include "braid/server/service/active_request.h"
#include "braid/server/service/endpoints.h"
#include "braid/server/service/health_check.h"
#include "braid/server/service/http_responses.h"

namespace braid {

using openai::ApiError;

namespace {

constexpr size_t kMaxEndedBytes = size_t{64} << 20;  // of answers that a client may still come back for
constexpr int kMaxFetchingRequests = 256;  // that wait for images of other hosts, each with a thread; more: 503

Arrival arrival_of(const http::Request& request) {
  return {.path = request.path, .client = request.client, .time_s = monotonic_seconds()};
}

ApiError rid_taken(const std::string& rid) {
  return {.message = fmt::format("rid \"{}\" names a request that still runs", rid), .param = "rid"};
}

// "resume_from=12"; absent: 0.
Result<int64_t, ApiError> parse_resume_from(std::string_view query) {
  constexpr std::string_view kName = "resume_from=";
  if (query.empty()) return int64_t{0};
  int64_t number = -1;
  const std::string_view value = query.starts_with(kName) ? query.substr(kName.size()) : std::string_view();
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (!value.empty() && error == std::errc() && end == value.data() + value.size() && number >= 0) return number;
  return ApiError{.message = fmt::format("the query is \"{}\": must be resume_from=N, with the number of events that "
                                         "the client has",
                                         query.substr(0, 80)),
                  .param = "resume_from"};
}

// An answer that has ended, from its deltas.
void write_whole_stream(const std::vector<Delta>& deltas, openai::AnswerWriter& writer, http::Responder& responder) {
  responder.start_stream(event_stream_head());
  for (const Delta& delta : deltas) {
    if (delta.finish == FinishReason::kError) {
      responder.write(openai::failure_events(openai::error_of(delta)));
      return responder.finish();
    }
    responder.write(writer.push(0, delta));
    while (writer.has_more()) responder.write(writer.more());
  }
  responder.write(writer.finish());
  responder.finish();
}

}  // namespace

ApiService::ApiService(ServiceOptions options, std::shared_ptr<Logger> logger)
    : options_(std::move(options)),
      random_(std::random_device{}()),
      metrics_(options_.metrics_prefix, options_.model.name),
      logger_(std::move(logger)),
      log_(log_of(LogPart::kServer, logger_), options_.log_requests),
      backlog_(options_.max_unwritten_bytes),
      streams_(options_.journal == nullptr ? 0 : options_.journal->keep_s(), kMaxEndedBytes),
      workers_(std::max(1, options_.num_workers), ThreadRole::kWorker, log_of(LogPart::kServer, logger_)),
      output_(1, ThreadRole::kOutput, log_of(LogPart::kServer, logger_)) {}

ApiService::~ApiService() {
  is_draining_ = true;
  do {
    in_flight_.abort_all();  // repeatedly: a worker may be about to submit
  } while (!in_flight_.wait_until_none(std::chrono::milliseconds(50)));
}

void ApiService::set_engine(std::unique_ptr<Engine> engine) {
  owned_model_ = make_served_model(std::move(engine), options_.model);
  if (options_.journal != nullptr) go_on_with_found(*owned_model_);  // before another request takes one's name
  // Else some requests for images of hosts that do not answer would keep all others from being read.
  owned_model_->requests.media.begin_wait = [this] { return workers_.begin_wait(kMaxFetchingRequests); };
  owned_model_->requests.media.end_wait = [this] { workers_.end_wait(); };
  model_ = owned_model_.get();
}

std::optional<StandbyStatus> ApiService::standby() const {
  if (options_.journal == nullptr || options_.standby_node == 0) return std::nullopt;
  return StandbyStatus{.node = options_.standby_node, .copy = options_.journal->stats().standby};
}

void ApiService::start_draining() {
  is_draining_ = true;
}

http::Handler ApiService::generate_handler(Prepare prepare) {
  return [this, prepare](http::Request request, std::shared_ptr<http::Responder> responder) {
    Arrival arrival = arrival_of(request);
    pass_to_worker(std::move(request), std::move(responder),
                   [this, prepare, arrival = std::move(arrival)](
                       http::Request taken, std::shared_ptr<http::Responder> answer_to, InFlight::Token in_flight) {
                     start_request(std::move(taken), arrival, std::move(answer_to), prepare, std::move(in_flight));
                   });
  };
}

http::Handler ApiService::quick_handler(Answer answer) {
  return [this, answer = std::move(answer)](const http::Request& request,
                                            const std::shared_ptr<http::Responder>& responder) {
    const auto ready = check_ready();
    responder->respond(ready.ok() ? answer(*model_.load(), request) : error_response(ready.error()));
  };
}

http::Handler ApiService::worker_handler(Answer answer) {
  return [this, answer = std::move(answer)](http::Request request, std::shared_ptr<http::Responder> responder) {
    pass_to_worker(std::move(request), std::move(responder),
                   [this, answer](const http::Request& taken, const std::shared_ptr<http::Responder>& answer_to,
                                  const InFlight::Token&) { answer_to->respond(answer(*model_.load(), taken)); });
  };
}

http::Handler ApiService::health_generate_handler() {
  return [this](const http::Request&, std::shared_ptr<http::Responder> responder) {
    InFlight::Token in_flight = in_flight_.enter();
    if (const auto ready = check_ready(); !ready.ok()) return responder->respond(error_response(ready.error()));
    check_health(*model_.load(), workers_, output_, options_.health_timeout_s, std::move(responder),
                 std::move(in_flight));
  };
}

http::Handler ApiService::stream_handler() {
  return [this](const http::Request& request, std::shared_ptr<http::Responder> responder) {
    if (const auto ready = check_ready(); !ready.ok()) return responder->respond(error_response(ready.error()));
    const auto num_had = parse_resume_from(request.query);
    if (!num_had.ok()) return responder->respond(error_response(num_had.error()));
    const std::string rid(request.parameter("rid").value_or(""));
    const std::shared_ptr<JournaledStream> stream = streams_.find(rid, monotonic_seconds());
    if (stream != nullptr) return stream->attach(std::move(responder), *num_had);
    const std::string_view why = options_.journal == nullptr
                                     ? "this server keeps none (--journal)"
                                     : "streams with a rid and one choice are kept, for a while";
    responder->respond(error_response({.status = 404,
                                       .message = fmt::format("there is no stream \"{}\": {}", rid, why),
                                       .param = "rid",
                                       .code = "stream_not_found"}));
  };
}

http::Handler ApiService::abort_handler() {
  return [this](const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
    responder->respond(abort_request(in_flight_, request.body));
  };
}

http::Handler ApiService::logging_handler() {
  return [this](const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
    responder->respond(configure_logging(*logger_, log_, request.body));
  };
}

http::Handler ApiService::metrics_handler() {
  return [this](const http::Request&, const std::shared_ptr<http::Responder>& responder) {
    metrics::ServerState now{.version = options_.settings.value("version", ""),
                             .cpu = cpu_seconds_by_role(),
                             .num_dropped_log_lines = num_dropped_log_lines(*logger_)};
    if (const ServedModel* const model = model_.load()) {
      now.engine = model->engine->stats();
      now.cluster = model->engine->cluster();
      now.layout = model->engine->layout();
    }
    if (options_.journal != nullptr) now.journal = options_.journal->stats();
    if (const auto own = standby()) now.standby = own->copy;
    responder->respond(
        {.content_type = "text/plain; version=0.0.4; charset=utf-8", .headers = {}, .body = metrics_.render(now)});
  };
}

Result<void, ApiError> ApiService::check_ready() const {
  if (is_draining_) {
    return ApiError{.status = 503, .message = "the server is ending", .type = "server_error", .code = "draining"};
  }
  if (model_.load() == nullptr) {
    return ApiError{
        .status = 503, .message = "the model is being loaded", .type = "server_error", .code = "model_loading"};
  }
  return {};
}

// Register before checking is_draining_, so a concurrent drain waits for this request.
void ApiService::pass_to_worker(http::Request request, std::shared_ptr<http::Responder> responder, Work work) {
  InFlight::Token in_flight = in_flight_.enter();
  if (const auto ready = check_ready(); !ready.ok()) return refuse(arrival_of(request), *responder, ready.error());
  if (++num_unread_ > options_.max_unread_requests) {
    --num_unread_;
    return refuse(arrival_of(request), *responder,
                  {.status = 503,
                   .message = fmt::format("{} requests wait to be read already, as many as the server allows",
                                          options_.max_unread_requests),
                   .type = "server_error",
                   .code = "overloaded"});
  }
  workers_.post([this, request = std::make_shared<http::Request>(std::move(request)), work = std::move(work),
                 responder = std::move(responder), in_flight = std::move(in_flight)] {
    --num_unread_;
    if (!responder->is_gone()) return work(std::move(*request), responder, in_flight);
    log_.left(arrival_of(*request));
  });
}

void ApiService::start_request(http::Request request, Arrival arrival, std::shared_ptr<http::Responder> responder,
                               Prepare prepare, InFlight::Token in_flight) {
  const ServedModel& model = *model_.load();
  const std::string unique = unique_id();
  FetchedImages fetched;
  PrepareResult prepared = prepare_request(model, request, prepare, unique, fetched);
  if (!prepared.ok()) return refuse(arrival, *responder, prepared.error());
  std::optional<JournaledRun> journaled;
  if (is_journaled(*prepared) && fits_journal(*prepared)) {
    const std::shared_ptr<JournaledStream> stream = streams_.add(prepared->id, monotonic_seconds());
    if (stream == nullptr) return refuse(arrival, *responder, rid_taken(prepared->id));
    // A client that has had nothing asks again. One that has had something must find its request wherever it is kept.
    auto attach = [stream, client = std::exchange(responder, stream)] {
      if (!client->is_gone()) stream->attach(client, 0);
    };
    const GenerationRequest& generation = prepared->prompts[0].generation;
    journaled = {.request = {.key = unique,
                             .rid = prepared->id,
                             .path = arrival.path,
                             .body = std::move(request.body),
                             .images = std::move(fetched),
                             .seed = generation.sampling.seed,
                             .prompt = std::get<std::vector<TokenId>>(generation.prompt)},
                 .when_safe = std::move(attach)};
  }
  request = {};  // its body need not wait for the submission
  log_.accepted(arrival, *prepared);
  ActiveRequest::start(*std::move(prepared), std::move(arrival), std::move(responder), context(model),
                       std::move(in_flight), std::move(journaled));
}

ActiveRequestContext ApiService::context(const ServedModel& model) {
  return {.engine = *model.engine,
          .in_flight = in_flight_,
          .output = output_,
          .workers = workers_,
          .backlog = backlog_,
          .metrics = metrics_,
          .log = log_,
          .journal = options_.journal.get()};
}

// The order of several choices' events, and the number of those with a prompt's log-probabilities, depend on what else
// runs, so a client could not say what it has.
bool ApiService::is_journaled(const openai::PreparedRequest& request) const {
  return options_.journal != nullptr && request.is_named && request.is_stream && request.prompts.size() == 1 &&
         request.prompts[0].generation.n == 1 && request.prompts[0].generation.sampling.prompt_logprobs_start < 0;
}

// What is larger would push others out of the journal.
bool ApiService::fits_journal(const openai::PreparedRequest& request) const {
  int64_t bytes = 0;
  for (const RequestImage& image : request.prompts[0].generation.images) bytes += std::ssize(*image.bytes);
  if (bytes <= options_.journal_max_image_bytes) return true;
  logger_->warn("request {} does not survive this process: its images have {} bytes, --journal-max-image-size is {}",
                request.id, bytes, options_.journal_max_image_bytes);
  return false;
}

void ApiService::go_on_with_found(const ServedModel& model) {
  size_t num_open = 0;
  size_t num_ended = 0;
  for (JournalEntry& entry : options_.journal->take_found()) {
    const std::string rid = entry.request.rid;
    const std::string key = entry.request.key;
    ++(entry.has_ended() ? num_ended : num_open);
    if (const auto begun = go_on_with(model, std::move(entry)); !begun.ok()) {
      logger_->warn("request {} of an earlier process cannot go on: {}", rid, begun.error().message);
      options_.journal->add(JournaledEnd{.key = key});
    }
  }
  if (num_open + num_ended > 0) {
    logger_->info("journal: {} requests of an earlier process go on, {} have ended and are kept", num_open, num_ended);
  }
}

Result<void, ApiError> ApiService::go_on_with(const ServedModel& model, JournalEntry entry) {
  const JournaledRequest& request = entry.request;
  const Prepare prepare = prepare_of(request.path);
  if (prepare == nullptr) return ApiError{.message = fmt::format("there is no path {}", request.path)};
  FetchedImages images = request.images;
  TRY(openai::PreparedRequest prepared, prepare_request(model, {.body = request.body}, prepare, request.key, images));
  const std::shared_ptr<JournaledStream> stream = streams_.add(request.rid, monotonic_seconds());
  if (!is_journaled(prepared) || stream == nullptr) return rid_taken(request.rid);
  if (entry.has_ended()) {
    output_.post([stream, deltas = std::move(entry.deltas), writer = std::shared_ptr(std::move(prepared.writer))] {
      write_whole_stream(deltas, *writer, *stream);
    });
    return {};
  }
  GenerationRequest& generation = prepared.prompts[0].generation;
  generation.sampling.seed = request.seed;
  generation.prompt = request.prompt;
  for (const Delta& delta : entry.deltas) {
    for (const SampledToken& token : delta.tokens) generation.output_so_far.push_back(token.token);
  }
  TRY_STATUS(check_prepared(*model.engine, prepared));
  Arrival arrival{.path = request.path, .client = "the journal", .time_s = monotonic_seconds()};
  log_.accepted(arrival, prepared);
  ActiveRequest::start(
      std::move(prepared), std::move(arrival), stream, context(model), in_flight_.enter(),
      JournaledRun{.request = std::move(entry.request), .is_known = true, .delivered = std::move(entry.deltas)});
  return {};
}

PrepareResult ApiService::prepare_request(const ServedModel& model, const http::Request& request, Prepare prepare,
                                          const std::string& unique, FetchedImages& fetched) {
  TRY(openai::PreparedRequest prepared, prepare(model, request.body, unique, fetched));
  if (const auto dp_rank = request.header("X-data-parallel-rank")) {
    TRY_STATUS(apply_dp_rank_header(*dp_rank, model, prepared));
  }
  TRY_STATUS(check_prepared(*model.engine, prepared));
  if (options_.request_timeout_s > 0) {
    prepared.timeout_s = std::min(prepared.timeout_s.value_or(options_.request_timeout_s), options_.request_timeout_s);
  }
  return prepared;
}

void ApiService::refuse(const Arrival& arrival, http::Responder& responder, const ApiError& error) const {
  log_.refused(arrival, error);
  responder.respond(error_response(error));
}

// 128 random bits as hexadecimal digits.
std::string ApiService::unique_id() {
  const std::lock_guard lock(random_mutex_);
  const uint64_t high = random_();
  return fmt::format("{:016x}{:016x}", high, random_());
}

}  // namespace braid
