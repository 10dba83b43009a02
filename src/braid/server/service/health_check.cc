#include "braid/server/service/health_check.h"

#include <utility>

#include "braid/server/service/http_responses.h"

namespace braid {

namespace {

http::Response not_healthy(const std::string& problem) {
  return error_response({.status = 503, .message = problem, .type = "server_error", .code = "not_healthy"});
}

// Why no token can be expected now; empty: it can.
std::string interruption(const EngineStats& stats) {
  if (stats.is_paused) return "generation is paused: POST /continue_generation";
  for (const WorldStatus& world : stats.worlds) {
    if (world.state != WorldStatus::State::kRestarts) continue;
    return fmt::format("ranks have failed and start again: {}", world.last_error);
  }
  return {};
}

class HealthCheck : public std::enable_shared_from_this<HealthCheck> {
 public:
  HealthCheck(Engine& engine, TaskQueue& output, double timeout_s, std::shared_ptr<http::Responder> responder,
              InFlight::Token in_flight)
      : engine_(engine),
        output_(output),
        timeout_s_(timeout_s),
        in_flight_(std::move(in_flight)),
        tokens_before_(engine.stats().num_output_tokens),
        responder_(std::move(responder)) {}

  void start() {
    const auto started = TaskQueue::Clock::now();
    watch(started,
          started + std::chrono::duration_cast<TaskQueue::Clock::duration>(std::chrono::duration<double>(timeout_s_)));
  }

  // On a worker's thread.
  void submit(std::vector<TokenId> prompt) {
    {
      const std::lock_guard lock(mutex_);
      if (is_over_) return;
    }
    GenerationRequest request;
    request.prompt = std::move(prompt);
    request.sampling.temperature = 0;
    request.sampling.max_new_tokens = 1;
    request.ignore_eos = true;
    const auto on_delta = [self = shared_from_this()](const Delta& delta) {
      self->output_.post([self, delta] { self->take(delta); });
    };
    const auto submitted = engine_.try_submit(std::move(request), on_delta);
    if (!submitted.ok()) {
      // A full queue says nothing about the engine's health; watch() decides by its progress.
      if (submitted.error().reason == SubmitError::Reason::kQueueFull) return;
      output_.post([self = shared_from_this(), message = submitted.error().message] { self->answer(message); });
      return;
    }
    const std::lock_guard lock(mutex_);
    submission_ = *submitted;
    if (is_over_) engine_.abort(*submission_);
  }

 private:
  // Checks once a second until `end` whether any request got a token. The timer keeps this object alive.
  void watch(TaskQueue::Clock::time_point now, TaskQueue::Clock::time_point end) {
    const auto next = std::min(end, now + std::chrono::seconds(1));
    timer_ = output_.post_at(next, [self = shared_from_this(), next, end] {
      if (self->responder_ == nullptr) return;
      if (self->engine_.stats().num_output_tokens > self->tokens_before_) return self->answer("");
      if (next >= end) return self->answer(fmt::format("the engine gave no token within {} s", self->timeout_s_));
      self->watch(next, end);
    });
  }

  // On the output thread, like answer().
  void take(const Delta& delta) {
    if (delta.finish == FinishReason::kError) return answer(delta.error);
    if (!delta.tokens.empty()) answer("");
  }

  // `problem`: empty if the engine is healthy. Only the first call answers.
  void answer(const std::string& problem) {
    const auto responder = std::exchange(responder_, nullptr);
    if (responder == nullptr) return;
    output_.cancel(timer_);
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
      if (submission_) engine_.abort(*submission_);
    }
    if (problem.empty()) return responder->respond(json_response({{"status", "ok"}}));
    responder->respond(not_healthy(problem));
  }

  Engine& engine_;
  TaskQueue& output_;
  const double timeout_s_;
  const InFlight::Token in_flight_;
  const uint64_t tokens_before_;
  std::shared_ptr<http::Responder> responder_;  // null: answered
  TaskQueue::TimerId timer_;
  std::mutex mutex_;
  std::optional<SubmissionId> submission_;
  bool is_over_ = false;
};

}  // namespace

void check_health(const ServedModel& model, TaskQueue& workers, TaskQueue& output, double timeout_s,
                  std::shared_ptr<http::Responder> responder, InFlight::Token in_flight) {
  if (const std::string problem = interruption(model.engine->stats()); !problem.empty()) {
    return responder->respond(not_healthy(problem));
  }
  const auto check =
      std::make_shared<HealthCheck>(*model.engine, output, timeout_s, std::move(responder), std::move(in_flight));
  check->start();
  workers.post([check, &model] {
    std::vector<TokenId> prompt = model.tokenizer().encode("1", true);
    if (prompt.empty()) prompt.push_back(0);
    check->submit(std::move(prompt));
  });
}

}  // namespace braid
