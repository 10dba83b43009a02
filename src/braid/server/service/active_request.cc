#include "braid/server/service/active_request.h"

#include <algorithm>
#include <utility>

#include "braid/base/clock.h"
#include "braid/server/openai/write/responses.h"
#include "braid/server/service/http_responses.h"

namespace braid {

using openai::ApiError;

void ActiveRequest::start(openai::PreparedRequest prepared, Arrival arrival, std::shared_ptr<http::Responder> responder,
                          const ActiveRequestContext& context, InFlight::Token in_flight,
                          std::optional<JournaledRun> journaled) {
  const std::shared_ptr<ActiveRequest> self(new ActiveRequest(std::move(prepared), std::move(arrival), responder,
                                                              context, std::move(in_flight), std::move(journaled)));
  const std::weak_ptr<ActiveRequest> weak = self;
  if (const auto taken = self->register_ids()) {
    const ApiError error{.message = fmt::format("rid \"{}\" names a request that still runs", *taken), .param = "rid"};
    context.log.refused(self->arrival_, error);
    responder->respond(error_response(error));
    if (self->journaled_ && self->journaled_->when_safe) self->journaled_->when_safe();
    return;
  }
  if (self->journaled_) {  // its body need not stay in memory
    const std::string key = self->journaled_->request.key;
    JournaledRequest request = std::exchange(self->journaled_->request, {.key = key});
    auto when_safe = std::exchange(self->journaled_->when_safe, {});
    if (!self->journaled_->is_known) context.journal->add(std::move(request), std::move(when_safe));
  }
  if (self->request_.timeout_s) {
    const auto time =
        std::chrono::duration<double>(self->arrival_.time_s + *self->request_.timeout_s - monotonic_seconds());
    const auto when = TaskQueue::Clock::now() + std::chrono::duration_cast<TaskQueue::Clock::duration>(time);
    self->timer_ = context.output.post_at(when, [weak] {
      const auto alive = weak.lock();
      if (alive == nullptr) return;
      alive->abort();
      alive->fail(
          {.status = 408,
           .message = fmt::format("the request took longer than its timeout of {} s", *alive->request_.timeout_s),
           .type = "timeout_error",
           .code = "request_timeout"});
    });
  }
  responder->on_gone([weak] {
    if (const auto alive = weak.lock()) alive->leave();
  });
  self->submit_all();
}

ActiveRequest::ActiveRequest(openai::PreparedRequest prepared, Arrival arrival,
                             std::shared_ptr<http::Responder> responder, const ActiveRequestContext& context,
                             InFlight::Token in_flight, std::optional<JournaledRun> journaled)
    : context_(context),
      arrival_(std::move(arrival)),
      in_flight_(std::move(in_flight)),
      prompts_(prepared.prompts.size()),
      backlog_(context.backlog),
      request_(std::move(prepared)),
      responder_(std::move(responder)),
      journaled_(std::move(journaled)),
      num_deltas_(journaled_ ? std::ssize(journaled_->delivered) : 0) {
  for (const openai::PreparedPrompt& prompt : request_.prompts) {
    num_open_ += prompt.generation.n;
    trackers_.emplace_back(prompt.generation.n, arrival_.time_s);
  }
}

ActiveRequest::~ActiveRequest() {
  if (timer_) context_.output.cancel(*timer_);
  for (const std::string& id : registered_ids_) context_.in_flight.remove(id);
}

// Returns an id that another request has, if there is one.
std::optional<std::string> ActiveRequest::register_ids() {
  if (!register_id(request_.id, false, [](ActiveRequest& self) { self.abort(); })) return request_.id;
  for (size_t prompt = 0; prompt < request_.prompts.size(); ++prompt) {
    const std::string& id = request_.prompts[prompt].id;
    if (id.empty() || id == request_.id) continue;
    if (!register_id(id, true, [prompt](ActiveRequest& self) { self.abort_prompt(prompt); })) return id;
  }
  return std::nullopt;
}

bool ActiveRequest::register_id(const std::string& id, bool is_part, std::function<void(ActiveRequest&)> abort) {
  const auto call = [weak = weak_from_this(), abort = std::move(abort)] {
    if (const auto alive = weak.lock()) abort(*alive);
  };
  const bool is_new = context_.in_flight.add(id, call, is_part);
  if (is_new) registered_ids_.push_back(id);
  return is_new;
}

void ActiveRequest::submit_all() {
  const auto self = shared_from_this();
  for (size_t prompt = 0; prompt < prompts_.size(); ++prompt) {
    const auto on_delta = [self, prompt](const Delta& delta) { self->pass_on(prompt, delta); };
    const auto submitted = context_.engine.try_submit(std::move(request_.prompts[prompt].generation), on_delta);
    if (!submitted.ok()) {
      abort();
      const ApiError error = to_api_error(submitted.error(), request_, prompt);
      context_.log.refused(arrival_, error);
      if (journaled_) context_.journal->add(JournaledEnd{.key = journaled_->request.key});
      context_.output.post([self, error] { self->fail(error); });
      return;
    }
    keep_submission(prompt, *submitted);
  }
  context_.output.post([self] { self->begin(); });
}

// After an overflow only the ends of the choices are passed on: they end the count of what is under way.
void ActiveRequest::pass_on(size_t prompt, const Delta& delta) {
  const bool is_end = delta.finish != FinishReason::kNone;
  if (!is_end && !has_overflowed_ && !backlog_.has_room()) {
    has_overflowed_ = true;
    abort();
    context_.output.post([self = shared_from_this()] {
      self->fail({.status = 503,
                  .message = "the answer is computed faster than this server can write it: too much of it waits",
                  .type = "server_error",
                  .code = "overloaded"});
    });
  }
  if (has_overflowed_ && !is_end) return;
  const size_t bytes = delta_bytes(delta);
  backlog_.add(bytes);
  context_.output.post([self = shared_from_this(), prompt, delta, bytes, now_s = monotonic_seconds()] {
    self->backlog_.remove(bytes);
    self->take(prompt, delta, now_s);
  });
}

void ActiveRequest::keep_submission(size_t prompt, SubmissionId id) {
  const std::lock_guard lock(mutex_);
  prompts_[prompt].submission = id;
  if (prompts_[prompt].is_aborted) context_.engine.abort(id);
}

void ActiveRequest::abort() {
  for (size_t prompt = 0; prompt < prompts_.size(); ++prompt) abort_prompt(prompt);
}

void ActiveRequest::abort_prompt(size_t prompt) {
  const std::lock_guard lock(mutex_);
  PromptState& state = prompts_[prompt];
  if (std::exchange(state.is_aborted, true)) return;
  if (state.submission) context_.engine.abort(*state.submission);
}

void ActiveRequest::leave() {
  abort();
  context_.output.post([self = shared_from_this()] { self->end(); });
}

void ActiveRequest::begin() {
  if (state_ == State::kEnded) return;
  state_ = State::kAnswering;
  if (request_.is_stream) {  // send the head at once: the first token may take long
    responder_->start_stream(event_stream_head());
  }
  if (journaled_) {
    for (const Delta& delta : std::exchange(journaled_->delivered, {})) {
      responder_->write(request_.writer->push(0, delta));
      while (request_.writer->has_more()) responder_->write(request_.writer->more());
    }
  }
  for (const Early& early : std::exchange(early_, {})) answer(early.prompt, early.delta);
}

void ActiveRequest::take(size_t prompt, const Delta& delta, double now_s) {
  if (journaled_) write_down(delta);
  track(prompt, delta, now_s);
  if (state_ == State::kSubmitting) {
    early_.push_back({prompt, delta});
  } else {
    answer(prompt, delta);
  }
}

// What ends because the whole engine has failed is no end: another process goes on with it.
void ActiveRequest::write_down(const Delta& delta) {
  if (delta.finish == FinishReason::kError && !context_.engine.stats().failure.empty()) return;
  context_.journal->add(
      JournaledDelta{.key = journaled_->request.key, .index = num_deltas_++, .time_s = unix_seconds(), .delta = delta});
}

// Counts deltas after the answer's end, too: the engine has done that work, even if nobody listens any more.
void ActiveRequest::track(size_t prompt, const Delta& delta, double now_s) {
  if (delta.finish != FinishReason::kNone && (outcome_.empty() || state_ != State::kEnded)) {
    outcome_ = delta.finish == FinishReason::kError ? delta.error : openai::finish_reason_name(delta.finish);
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
  if (++num_tracked_ == trackers_.size()) context_.log.ended(arrival_, request_.id, total_, outcome_);
}

void ActiveRequest::answer(size_t prompt, const Delta& delta) {
  if (state_ == State::kEnded) return;
  if (delta.finish == FinishReason::kError) {
    abort();
    return fail(openai::error_of(delta));
  }
  const std::string events = request_.writer->push(prompt, delta);
  if (!events.empty()) responder_->write(events);
  if (delta.finish != FinishReason::kNone && --num_open_ == 0 && timer_) {
    context_.output.cancel(*timer_);  // all is computed: the client may take its time to read it
    timer_.reset();
  }
  write_more();
}

void ActiveRequest::write_more() {
  if (state_ == State::kEnded) return;
  while (request_.writer->has_more()) {
    if (responder_->has_room()) {
      responder_->write(request_.writer->more());
      continue;
    }
    if (std::exchange(awaits_room_, true)) return;
    return responder_->when_room(
        [self = shared_from_this()] {  // forgotten when the answer ends, at the latest when the client leaves
          self->context_.output.post([self] {
            self->awaits_room_ = false;
            self->write_more();
          });
        });
  }
  if (num_open_ == 0) finish();
}

void ActiveRequest::finish() {
  if (request_.is_stream) {
    responder_->write(request_.writer->finish());
    responder_->finish();
  } else {
    context_.workers.post([writer = std::shared_ptr(std::move(request_.writer)), responder = responder_,
                           in_flight = in_flight_] { responder->respond({.body = writer->finish()}); });
  }
  end();
}

void ActiveRequest::fail(const ApiError& error) {
  if (state_ == State::kEnded) return;
  outcome_ = error.message;
  if (request_.is_stream && state_ == State::kAnswering) {
    responder_->write(openai::failure_events(error));
    responder_->finish();
  } else {
    responder_->respond(error_response(error));
  }
  end();
}

void ActiveRequest::end() {
  state_ = State::kEnded;
  early_.clear();
  request_.writer.reset();
  responder_.reset();
}

}  // namespace braid
