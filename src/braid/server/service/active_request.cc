#include "braid/server/service/active_request.h"

#include <algorithm>
#include <utility>

#include "braid/base/clock.h"
#include "braid/server/openai/write/responses.h"
#include "braid/server/service/http_responses.h"

namespace braid {

namespace {

using openai::ApiError;

ApiError to_api_error(const SubmitError& error) {
  switch (error.reason) {
    case SubmitError::Reason::kQueueFull:
      return {.status = 429, .message = error.message, .type = "rate_limit_error", .code = "queue_full"};
    case SubmitError::Reason::kEngineFailed:
      return openai::server_error(error.message);
    case SubmitError::Reason::kBadRequest:
      break;
  }
  return {.message = error.message};
}

}  // namespace

void Generation::start(GenerationPlan plan, Arrival arrival, std::shared_ptr<http::Responder> responder,
                       const GenerationContext& context, InFlight::Token in_flight) {
  const std::shared_ptr<Generation> self(
      new Generation(plan, std::move(arrival), responder, context, std::move(in_flight)));
  const std::weak_ptr<Generation> weak = self;
  if (const auto taken = self->register_ids(plan)) {
    const ApiError error{.message = fmt::format("rid \"{}\" names a request that still runs", *taken), .param = "rid"};
    context.log.refused(self->arrival_, error);
    return responder->respond(error_response(error));
  }
  if (self->timeout_s_) {
    const auto time = std::chrono::duration<double>(self->arrival_.time_s + *self->timeout_s_ - monotonic_seconds());
    const auto when = TaskQueue::Clock::now() + std::chrono::duration_cast<TaskQueue::Clock::duration>(time);
    self->timer_ = context.output.post_at(when, [weak] {
      const auto alive = weak.lock();
      if (alive == nullptr) return;
      alive->abort();
      alive->fail({.status = 408,
                   .message = fmt::format("the request took longer than its timeout of {} s", *alive->timeout_s_),
                   .type = "timeout_error",
                   .code = "request_timeout"});
    });
  }
  responder->on_gone([weak] {
    if (const auto alive = weak.lock()) alive->leave();
  });
  self->submit_all();
}

Generation::Generation(GenerationPlan& plan, Arrival arrival, std::shared_ptr<http::Responder> responder,
                       const GenerationContext& context, InFlight::Token in_flight)
    : context_(context),
      arrival_(std::move(arrival)),
      id_(plan.id),
      is_stream_(plan.is_stream),
      timeout_s_(plan.timeout_s),
      in_flight_(std::move(in_flight)),
      submissions_(plan.requests.size()),
      requests_(std::move(plan.requests)),
      writer_(std::move(plan.writer)),
      responder_(std::move(responder)) {
  for (const GenerationRequest& request : requests_) {
    num_open_ += request.n;
    trackers_.emplace_back(request.n, arrival_.time_s);
  }
}

Generation::~Generation() {
  if (timer_) context_.output.cancel(*timer_);
  for (const std::string& id : registered_ids_) context_.in_flight.remove(id);
}

// The one that is another request's, if there is one.
std::optional<std::string> Generation::register_ids(const GenerationPlan& plan) {
  if (!register_id(id_, false, [](Generation& self) { self.abort(); })) return id_;
  for (size_t prompt = 0; prompt < plan.prompt_ids.size(); ++prompt) {
    const std::string& id = plan.prompt_ids[prompt];
    if (id == id_) continue;
    if (!register_id(id, true, [prompt](Generation& self) { self.abort_prompt(prompt); })) return id;
  }
  return std::nullopt;
}

bool Generation::register_id(const std::string& id, bool is_part, std::function<void(Generation&)> abort) {
  const auto call = [weak = weak_from_this(), abort = std::move(abort)] {
    if (const auto alive = weak.lock()) abort(*alive);
  };
  const bool is_new = context_.in_flight.add(id, call, is_part);
  if (is_new) registered_ids_.push_back(id);
  return is_new;
}

void Generation::submit_all() {
  const auto self = shared_from_this();
  for (size_t prompt = 0; prompt < requests_.size(); ++prompt) {
    const auto on_delta = [self, prompt](const Delta& delta) {
      self->context_.output.post(
          [self, prompt, delta, now_s = monotonic_seconds()] { self->take(prompt, delta, now_s); });
    };
    const auto submitted = context_.engine.try_submit(std::move(requests_[prompt]), on_delta);
    if (!submitted.ok()) {
      abort();
      const ApiError error = to_api_error(submitted.error());
      context_.log.refused(arrival_, error);
      context_.output.post([self, error] { self->fail(error); });
      return;
    }
    keep_submission(prompt, *submitted);
  }
  context_.output.post([self] { self->begin(); });
}

void Generation::keep_submission(size_t prompt, SubmissionId id) {
  const std::lock_guard lock(mutex_);
  submissions_[prompt].id = id;
  if (submissions_[prompt].is_aborted) context_.engine.abort(id);
}

void Generation::abort() {
  for (size_t prompt = 0; prompt < submissions_.size(); ++prompt) abort_prompt(prompt);
}

void Generation::abort_prompt(size_t prompt) {
  const std::lock_guard lock(mutex_);
  Submission& submission = submissions_[prompt];
  if (std::exchange(submission.is_aborted, true)) return;
  if (submission.id) context_.engine.abort(*submission.id);
}

void Generation::leave() {
  abort();
  context_.output.post([self = shared_from_this()] { self->end(); });
}

void Generation::begin() {
  if (state_ == State::kEnded) return;
  state_ = State::kAnswering;
  if (is_stream_) {  // the head at once: the first token may be long in coming
    responder_->start_stream({.content_type = "text/event-stream; charset=utf-8",
                              .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}},
                              .body = {}});
  }
  for (const Early& early : std::exchange(early_, {})) answer(early.prompt, early.delta);
}

void Generation::take(size_t prompt, const Delta& delta, double now_s) {
  track(prompt, delta, now_s);
  if (state_ == State::kSubmitting) {
    early_.push_back({prompt, delta});
  } else {
    answer(prompt, delta);
  }
}

// Also what comes after the answer's end: the engine's work counts whoever still listens.
void Generation::track(size_t prompt, const Delta& delta, double now_s) {
  if (delta.finish != FinishReason::kNone && (outcome_.empty() || state_ != State::kEnded)) {
    outcome_ = delta.finish == FinishReason::kError ? delta.error : openai::finish_reason_name(delta.finish, false);
  }
  metrics::RequestTracker& tracker = trackers_[prompt];
  tracker.add(delta, now_s);
  if (!tracker.has_ended()) return;
  const metrics::RequestRecord record = tracker.record();
  context_.metrics.record(record);
  total_.prompt_tokens += record.prompt_tokens;
  total_.cached_tokens += record.cached_tokens;
  total_.output_tokens += record.output_tokens;
  total_.end_to_end_s = std::max(total_.end_to_end_s, record.end_to_end_s);
  if (++num_tracked_ == trackers_.size()) context_.log.ended(arrival_, id_, total_, outcome_);
}

void Generation::answer(size_t prompt, const Delta& delta) {
  if (state_ == State::kEnded) return;
  if (delta.finish == FinishReason::kError) {
    abort();
    return fail(openai::server_error(delta.error));
  }
  const std::string events = writer_->push(prompt, delta);
  if (!events.empty()) responder_->write(events);
  if (delta.finish != FinishReason::kNone && --num_open_ == 0 && timer_) {
    context_.output.cancel(*timer_);  // all is there: how long the client takes to read it is its own business
    timer_.reset();
  }
  go_on();
}

void Generation::go_on() {
  if (state_ == State::kEnded) return;
  while (writer_->has_more()) {
    if (responder_->has_room()) {
      responder_->write(writer_->more());
      continue;
    }
    if (std::exchange(awaits_room_, true)) return;
    return responder_->when_room(
        [self = shared_from_this()] {  // until the answer ends: the client leaves at the latest
          self->context_.output.post([self] {
            self->awaits_room_ = false;
            self->go_on();
          });
        });
  }
  if (num_open_ == 0) finish();
}

void Generation::finish() {
  if (is_stream_) {
    responder_->write(writer_->finish());
    responder_->finish();
  } else {
    context_.workers.post([writer = writer_, responder = responder_, in_flight = in_flight_] {
      responder->respond({.body = writer->finish()});
    });
  }
  end();
}

void Generation::fail(const ApiError& error) {
  if (state_ == State::kEnded) return;
  outcome_ = error.message;
  if (is_stream_ && state_ == State::kAnswering) {
    responder_->write(openai::failure_events(error));
    responder_->finish();
  } else {
    responder_->respond(error_response(error));
  }
  end();
}

void Generation::end() {
  state_ = State::kEnded;
  early_.clear();
  writer_.reset();
  responder_.reset();
}

}  // namespace braid
