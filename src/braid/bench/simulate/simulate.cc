#include "braid/bench/simulate/simulate.h"

#include <fmt/format.h>

#include <algorithm>

#include "braid/formats/json.h"

namespace braid {
namespace {

// How far the group with the most of something is above the mean.
template <typename Member>
double above_mean(const SimulateReport& report, Member SimulatedGroupShare::*member) {
  double most = 0;
  double sum = 0;
  for (const SimulatedGroupShare& group : report.groups) {
    most = std::max(most, static_cast<double>(group.*member));
    sum += static_cast<double>(group.*member);
  }
  return sum > 0 ? most * static_cast<double>(report.groups.size()) / sum : 1;
}

Json to_json(const SimulatedTimes& times) {
  return {{"count", times.count}, {"p50", times.p50}, {"p99", times.p99}, {"longest", times.longest}};
}

Json to_json(const ControllerFigures& controller) {
  return {{"cpu_us_a_request", controller.cpu_us_a_request},
          {"turn_us", to_json(controller.turn_us)},
          {"outputs_us_a_token", controller.outputs_us_a_token},
          {"outputs_us_a_step", controller.outputs_us_a_step},
          {"broadcast_bytes", controller.broadcast_bytes},
          {"broadcast_bytes_a_request", controller.broadcast_bytes_a_request},
          {"view_bytes", controller.view_bytes}};
}

Json to_json(const SimulateReport& report) {
  Json prompts = Json::array();
  for (const SimulatedPrompts& range : report.prompts) {
    prompts.push_back({{"shortest", range.shortest},
                       {"longest", range.longest},
                       {"first_token_s", to_json(range.first_token_s)},
                       {"first_token_steps", to_json(range.first_token_steps)}});
  }
  Json groups = Json::array();
  for (const SimulatedGroupShare& group : report.groups) {
    groups.push_back({{"requests", group.num_requests},
                      {"tokens", group.num_tokens},
                      {"prefix_hit_rate", group.hit_rate},
                      {"own_seconds", group.own_s},
                      {"measured_slowness", group.slowness}});
  }
  return {{"prefill_alignment", report.prefill_alignment},
          {"requests", report.num_requests},
          {"steps", report.num_steps},
          {"preemptions", report.num_preemptions},
          {"moves", report.num_moves},
          {"copied_prefixes", report.num_copies},
          {"seconds", report.seconds},
          {"busy_share", report.busy_share},
          {"output_tokens_per_s", report.output_tokens_per_s},
          {"balance_ratio", report.balance},
          {"balance_at_best", report.balance_at_best},
          {"balance_of_time", report.balance_of_time},
          {"balance_of_window", report.balance_of_window},
          {"prefix_hit_rate", report.hit_rate},
          {"between_tokens_s", to_json(report.between_tokens_s)},
          {"controller", to_json(report.controller)},
          {"recovery",
           {{"faults", report.recovery.num_faults},
            {"failed_requests", report.recovery.num_failed},
            {"next_token_s", to_json(report.recovery.next_token_s)}}},
          {"prompts", std::move(prompts)},
          {"groups", std::move(groups)},
          {"fullest_over_mean", report.fullest}};
}

void print(const ControllerFigures& controller, std::FILE* out) {
  const SimulatedTimes& turn = controller.turn_us;
  fmt::print(out,
             "controller: {:.1f} us a request; a turn P50 {:.1f}, P99 {:.1f}, longest {:.1f} us, {:.2f} % of a step of "
             "20 ms at the P99; outputs {:.2f} us a token, {:.0f} us a step\n",
             controller.cpu_us_a_request, turn.p50, turn.p99, turn.longest, turn.p99 / 200,
             controller.outputs_us_a_token, controller.outputs_us_a_step);
  fmt::print(out, "broadcast {} bytes, {:.0f} a request; its view of the prefix caches has {:.1f} MB\n",
             controller.broadcast_bytes, controller.broadcast_bytes_a_request,
             1e-6 * static_cast<double>(controller.view_bytes));
}

void print(const SimulatedRecovery& recovery, std::FILE* out) {
  if (recovery.num_faults == 0) return;
  const SimulatedTimes& next = recovery.next_token_s;
  fmt::print(out,
             "{} faults: {} requests went on, {} failed; their next token came after P50 {:.2f}, P99 {:.2f}, at most "
             "{:.2f} s\n",
             recovery.num_faults, next.count, recovery.num_failed, next.p50, next.p99, next.longest);
}

// Of few groups each one, of many the least, the middle and the most.
std::string by_group(std::vector<double> values, int digits) {
  constexpr size_t kMostShown = 16;
  std::string text;
  if (values.size() <= kMostShown) {
    for (const double value : values) text += fmt::format(" {:.{}f}", value, digits);
    return text;
  }
  std::ranges::sort(values);
  return fmt::format(" {:.{}f} to {:.{}f} (half below {:.{}f})", values.front(), digits, values.back(), digits,
                     values[values.size() / 2], digits);
}

void print(const SimulateReport& report, std::FILE* out) {
  fmt::print(out,
             "prefill alignment {}: {} requests in {:.0f} s, {} steps {:.0f} % of the time, {:.1f} output tokens/s, "
             "{} preemptions, {} moves, {} prefixes copied\n",
             report.prefill_alignment, report.num_requests, report.seconds, report.num_steps, 100 * report.busy_share,
             report.output_tokens_per_s, report.num_preemptions, report.num_moves, report.num_copies);
  fmt::print(out, "{:<38}{:>10}{:>12}{:>12}{:>12}\n", "", "count", "P50", "P99", "longest");
  const auto line = [&](const std::string& what, const SimulatedTimes& times, std::string_view unit, int digits) {
    fmt::print(out, "{:<38}{:>10}{:>12.{}f}{:>12.{}f}{:>12.{}f} {}\n", what, times.count, times.p50, digits, times.p99,
               digits, times.longest, digits, unit);
  };
  line("between two tokens of a stream", report.between_tokens_s, "s", 3);
  for (const SimulatedPrompts& range : report.prompts) {
    line(fmt::format("first token, prompts of {} to {}", range.shortest, range.longest), range.first_token_s, "s", 2);
    line("", range.first_token_steps, "steps", 1);
  }
  std::vector<double> requests;
  std::vector<double> tokens;
  std::vector<double> hits;
  std::vector<double> own_s;
  std::vector<double> slowness;
  for (const SimulatedGroupShare& group : report.groups) {
    requests.push_back(static_cast<double>(group.num_requests));
    tokens.push_back(static_cast<double>(group.num_tokens));
    hits.push_back(100 * group.hit_rate);
    own_s.push_back(group.own_s);
    slowness.push_back(group.slowness);
  }
  fmt::print(out, "by group: requests{} (the most {:.2f}x the mean), tokens{} ({:.2f}x), % in the prefix cache{}\n",
             by_group(requests, 0), above_mean(report, &SimulatedGroupShare::num_requests), by_group(tokens, 0),
             above_mean(report, &SimulatedGroupShare::num_tokens), by_group(hits, 1));
  fmt::print(out, "seconds of own work{} (the most {:.2f}x the mean), measured slowness{}\n", by_group(own_s, 0),
             above_mean(report, &SimulatedGroupShare::own_s), by_group(slowness, 2));
  std::string fullest;
  for (const double part : report.fullest) fullest += fmt::format(" {:.2f}", part);
  fmt::print(out,
             "balance of a step's tokens {:.1f} % (of these requests at most {:.1f} %), of its seconds {:.1f} %, of "
             "the tokens in a second {:.1f} %\n",
             100 * report.balance, 100 * report.balance_at_best, 100 * report.balance_of_time,
             100 * report.balance_of_window);
  fmt::print(out, "{:.1f} % in the prefix cache; the fullest group over the mean, by sevenths of the time:{}\n",
             100 * report.hit_rate, fullest);
  print(report.controller, out);
  print(report.recovery, out);
  fmt::print(out, "\n");
}

}  // namespace

Status run_bench_simulate(const SimulateOptions& options, std::FILE* out) {
  TRY(const std::vector<SimulateReport> reports, measure_simulate(options));
  if (options.json) {
    Json all = Json::array();
    for (const SimulateReport& report : reports) all.push_back(to_json(report));
    fmt::print(out, "{}\n", Json({{"runs", std::move(all)}}).dump());
    return {};
  }
  for (const SimulateReport& report : reports) print(report, out);
  return {};
}

}  // namespace braid
