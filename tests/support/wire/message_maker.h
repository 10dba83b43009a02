// For tests: random messages of wire/ within limits, and randomly damaged bytes. Equal seeds make equal messages.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "braid/wire/assignment_map_codec.h"
#include "braid/wire/group_command.h"
#include "braid/wire/group_outputs.h"
#include "braid/wire/step_plan.h"

namespace braid {

// Token ids are below 1000, prompts and contexts have at most 300 tokens. There are 100 pages of 16 tokens, and 50 in a
// second KV group with a window of 24. Moves are between 4 groups, at most 2 of a kind.
class MessageMaker {
 public:
  explicit MessageMaker(uint64_t seed) : random_(seed) {}

  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  StepPlan plan() {
    StepPlan plan{.step = random_(), .sequences = {}};
    const int num_sequences = pick(0, 8);
    for (int i = 0; i < num_sequences; ++i) {
      SequencePlan& sequence = plan.sequences.emplace_back();
      sequence.request = (random_() << 8) + static_cast<uint64_t>(i);
      sequence.new_tokens = ids(pick(1, 25), 999);
      sequence.first_position = pick(0, 275);
      const int end = sequence.first_position + static_cast<int>(sequence.new_tokens.size());
      const int first_page = pick(0, std::max(0, sequence.first_position - 23) / 16);
      sequence.page_tables = {PageTable{.pages = ids((end + 15) / 16, 99)},
                              PageTable{.first_page = first_page, .pages = ids((end + 15) / 16 - first_page, 49)}};
      sequence.samples = pick(0, 1) == 1;
      if (sequence.samples) sequence.sampling = state();
      sequence.has_long_rope = pick(0, 3) == 0;
      if (pick(0, 2) == 0) sequence.scoring = scoring(static_cast<int>(sequence.new_tokens.size()));
      if (pick(0, 3) == 0) add_images(sequence);
    }
    for (int i = pick(0, 2); i > 0; --i) {
      plan.leaving.push_back({.move = move(pick(1, 38))});
      plan.leaving.back().piece = pick(0, plan.leaving.back().move.num_pages - 1);
      plan.leaving.back().pages = moved_ids(pick(1, plan.leaving.back().move.num_pages));
    }
    for (int i = pick(0, 2); i > 0; --i) {
      plan.arriving.push_back({.move = move(pick(1, 38))});
      plan.arriving.back().piece = pick(0, plan.arriving.back().move.num_pages - 1);
      if (pick(0, 2) > 0) plan.arriving.back().pages = moved_ids(pick(1, plan.arriving.back().move.num_pages));
    }
    return plan;
  }

  // Limits that every map() keeps.
  static AssignmentLimits map_limits(int num_groups) {
    return {.num_groups = num_groups,
            .max_requests = 8,
            .max_ended = 8,
            .max_prompt_len = 300,
            .context_len = 300,
            .max_moves = 2,
            .vocab_size = 1000};
  }

  // Commands for some of num_groups groups, with at most 6 requests each.
  AssignmentMap map(int num_groups) {
    AssignmentMap map{.sequence = random_(), .commands = {}};
    for (int32_t group = 0; group < num_groups; ++group) {
      if (pick(0, 2) == 0) continue;
      GroupCommand& command = map.commands.emplace_back();
      command.group = group;
      const int num_requests = pick(0, 6);
      for (int i = 0; i < num_requests; ++i) command.add.push_back(request(static_cast<uint64_t>(i)));
      command.abort = numbers(pick(0, 4));
      command.finish = numbers(pick(0, 4));
      command.flush_cache = pick(0, 3) == 0;
      if (pick(0, 3) == 0) command.is_paused = pick(0, 1) == 0;
      command.tell_prefixes = pick(0, 3) == 0;
      command.arrive = moving();
      for (int i = pick(0, 2); i > 0; --i) {
        command.depart.push_back({.request = random_(), .move = move(0)});
        if (pick(0, 1) == 0) continue;
        for (int k = pick(1, 40); k > 0; --k) command.depart.back().prefix.push_back(pick(0, 999));
        command.depart.back().prompt_len = pick(40, 300);
      }
    }
    return map;
  }

  // The outputs of one of num_groups groups, with at most 6 outcomes.
  GroupOutputs outputs(int num_groups) {
    GroupOutputs outputs;
    outputs.group = pick(0, num_groups - 1);
    outputs.sequence = random_();
    const int num_outcomes = pick(0, 6);
    for (int i = 0; i < num_outcomes; ++i) outputs.outcomes.push_back(outcome(static_cast<uint64_t>(i)));
    outputs.load = load();
    for (int i = pick(0, 2); i > 0; --i) outputs.flushed_tokens.push_back(pick(0, 1000));
    if (pick(0, 3) > 0) outputs.step = step();
    if (pick(0, 1) == 0) outputs.prefixes = prefixes();
    if (pick(0, 3) == 0) outputs.error = text();
    outputs.departed = moving();
    for (int left = pick(0, 2); left > 0; --left) outputs.stayed.push_back(random_());
    return outputs;
  }

  // Flips some bits and sometimes cuts off the end.
  void damage(std::vector<std::byte>& bytes) {
    for (int i = pick(1, 4); i > 0; --i) {
      bytes[static_cast<size_t>(pick(0, static_cast<int>(bytes.size()) - 1))] ^=
          static_cast<std::byte>(1 << pick(0, 7));
    }
    if (pick(0, 2) == 0) bytes.resize(static_cast<size_t>(pick(0, static_cast<int>(bytes.size()))));
  }

 private:
  // With placeholders where its tokens are those of an image.
  void add_images(SequencePlan& sequence) {
    const int end = sequence.first_position + static_cast<int>(sequence.new_tokens.size());
    for (int first = pick(0, 60); first < end && sequence.images.size() < 3; first += pick(0, 40)) {
      ImageSpan& image = sequence.images.emplace_back();
      image.first = first;
      image.grid = {.frames = pick(1, 2), .rows = pick(1, 3), .cols = pick(1, 4)};
      for (uint8_t& byte : image.key) byte = static_cast<uint8_t>(pick(0, 255));
      const auto mark = [&](std::vector<TokenId>& tokens, int first_token) {
        for (size_t i = 0; i < tokens.size(); ++i) {
          const int index = first_token + static_cast<int>(i);
          if (index >= image.first && index < image.end()) {
            tokens[i] = placeholder_token(image.key, index - image.first);
          }
        }
      };
      mark(sequence.new_tokens, sequence.first_position);
      mark(sequence.scoring.tokens, sequence.first_position + sequence.scoring.first_new + 1);
      first = image.end();
    }
  }

  std::vector<int32_t> ids(int count, int max) {
    std::vector<int32_t> result;
    for (int i = 0; i < count; ++i) result.push_back(pick(0, max));
    return result;
  }

  std::vector<std::vector<int32_t>> moved_ids(int count) {
    const int narrow = pick(0, count);
    return {ids(count - narrow, 99), ids(narrow, 49)};
  }

  std::vector<uint64_t> numbers(int count) {
    std::vector<uint64_t> result;
    for (int i = 0; i < count; ++i) result.push_back(random_());
    return result;
  }

  float number() { return static_cast<float>(pick(1, 1000)) / 1000.0F; }

  std::string text() { return std::string(static_cast<size_t>(pick(1, 40)), static_cast<char>(pick('a', 'z'))); }

  PromptScoring scoring(int num_new) {
    const int first = pick(0, num_new - 1);
    return {.first_new = first, .tokens = ids(pick(1, num_new - first), 999), .top_logprobs = pick(0, 20)};
  }

  SamplingParams params() {
    SamplingParams params;
    params.temperature = pick(0, 1) == 0 ? 0.0F : number();
    params.top_k = pick(0, 100);
    params.top_p = number();
    params.min_p = number();
    params.repetition_penalty = number();
    params.presence_penalty = -number();
    params.frequency_penalty = number();
    for (int i = pick(0, 5); i > 0; --i) params.logit_bias.emplace_back(pick(0, 999), number() * 100);
    params.seed = random_();
    params.max_new_tokens = pick(1, 100000);
    params.min_new_tokens = pick(0, 10);
    params.stop_token_ids = ids(pick(0, 4), 999);
    params.logprobs = pick(0, 1) == 1;
    params.top_logprobs = pick(0, 20);
    params.prompt_logprobs_start = pick(-1, 300);
    return params;
  }

  SamplingState state() {
    SamplingState state;
    state.params = params();
    state.num_prompt_tokens = pick(1, 300);
    state.num_output_tokens = pick(0, 300);
    state.is_masked = pick(0, 1) == 1;
    state.prompt_tokens = ids(pick(0, 300), 999);
    state.output_tokens = ids(pick(0, 300), 999);
    return state;
  }

  SchedulerRequest request(uint64_t number_in_list) {
    SchedulerRequest request;
    request.id = (random_() << 8) + number_in_list;
    request.prompt = ids(pick(1, 300), 999);
    request.sampling = params();
    request.priority = pick(-5, 5);
    request.arrival = random_();
    request.is_masked = pick(0, 1) == 1;
    const int num_images = std::max(0, pick(0, 9) - 7);
    if (num_images > 0) request.prompt = ids(pick(1, 100), 999);
    for (int i = 0; i < num_images; ++i) add_image(request);
    return request;
  }

  // At the end of the prompt, with a token of text behind it.
  void add_image(SchedulerRequest& request) {
    RequestImage image{.span = {.first = static_cast<int32_t>(request.prompt.size()),
                                .grid = {.rows = pick(1, 4), .cols = pick(1, 6)}}};
    for (uint8_t& byte : image.span.key) byte = static_cast<uint8_t>(pick(0, 255));
    image.bytes = std::make_shared<const std::string>(static_cast<size_t>(pick(0, 500)), 'x');
    for (int32_t i = 0; i < image.span.num_tokens(); ++i) {
      request.prompt.push_back(placeholder_token(image.span.key, i));
    }
    request.prompt.push_back(pick(0, 999));
    request.images.push_back(std::move(image));
  }

  Move move(int num_pages) {
    const int from = pick(0, 3);
    return {.id = random_(), .from_group = from, .to_group = (from + pick(1, 3)) % 4, .num_pages = num_pages};
  }

  std::vector<MovingSequence> moving() {
    std::vector<MovingSequence> moving;
    for (int i = pick(0, 2); i > 0; --i) {
      MovingSequence& one = moving.emplace_back();
      one.sequence.request = request(static_cast<uint64_t>(i));
      if (one.sequence.request.images.empty()) one.sequence.request.prompt = ids(pick(1, 200), 999);
      one.sequence.output = ids(pick(1, 100), 999);
      one.sequence.cached_tokens = pick(0, 200);
      one.move = move(pick(0, 2));
    }
    return moving;
  }

  SampledToken token() {
    SampledToken token{.token = pick(0, 999), .logprob = -number(), .top_logprobs = {}};
    for (int i = pick(0, 5); i > 0; --i) token.top_logprobs.push_back({.token = pick(0, 999), .logprob = -number()});
    return token;
  }

  RequestOutcome outcome(uint64_t number_in_list) {
    RequestOutcome outcome;
    outcome.request = (random_() << 8) + number_in_list;
    if (pick(0, 3) > 0) outcome.token = token();
    for (int i = pick(0, 3); i > 0; --i) outcome.prompt_logprobs.push_back(token());
    outcome.finish = static_cast<FinishReason>(pick(0, 4));
    if (outcome.finish == FinishReason::kError) outcome.error = text();
    outcome.cached_tokens = pick(0, 300);
    outcome.is_bad_request = pick(0, 1) == 1;
    return outcome;
  }

  int64_t large() { return pick(0, 1 << 30) * int64_t{16}; }

  StepShape step() {
    return {.step = random_(),
            .num_sequences = pick(50, 100),
            .num_prefills = pick(0, 50),
            .num_prompt_tokens = large(),
            .num_context_tokens = large(),
            .num_prefill_pairs = large()};
  }

  PrefixDigest prefixes() {
    PrefixDigest digest{.is_whole = pick(0, 1) == 1,
                        .removed = numbers(pick(0, 10)),
                        .added = numbers(pick(0, 10)),
                        .released = numbers(pick(0, 10)),
                        .held = numbers(pick(0, 10))};
    if (!digest.is_whole) return digest;
    digest.shape = {
        .page_size = pick(1, 64), .long_rope_from = pick(0, 4096), .num_pages = large(), .window_pages = {-1}};
    for (int i = pick(0, 2); i > 0; --i) digest.shape.window_pages.push_back(pick(0, 64));
    return digest;
  }

  GroupLoad load() {
    GroupLoad load;
    load.scheduler = {.num_running = pick(0, 100),
                      .num_waiting = pick(0, 100),
                      .num_pages = pick(50, 100),
                      .num_free_pages = pick(0, 25),
                      .num_cached_pages = pick(0, 25),
                      .num_prefill_tokens = large(),
                      .num_prefill_pairs = large(),
                      .num_context_tokens = large(),
                      .num_preemptions = random_(),
                      .num_prompt_tokens = random_(),
                      .num_cached_tokens = random_()};
    load.credits = {.num_requests = pick(0, 100),
                    .num_pages = pick(-100, 100),
                    .page_size = pick(1, 64),
                    .is_idle = pick(0, 1) == 1,
                    .max_request_pages = pick(0, 40)};
    load.num_commands = random_();
    load.num_steps = random_();
    load.step_seconds = static_cast<double>(number());
    load.own_seconds = static_cast<double>(number());
    load.num_step_tokens = random_();
    load.num_longest_tokens = random_();
    load.num_arriving_pages = pick(0, 1000);
    load.exchange = {.steps_by_padding = {random_(), random_(), random_()},
                     .halved_steps = random_(),
                     .gathered_bytes = random_(),
                     .scattered_bytes = random_()};
    return load;
  }

  std::mt19937_64 random_;
};

}  // namespace braid
