#include "braid/bench/planning/planning.h"

#include <fmt/format.h>

#include <algorithm>

#include "braid/base/check.h"
#include "braid/formats/json.h"

namespace braid {
namespace {

std::string_view meaning_of(std::string_view part) {
  if (part == "queue") return "the queue's next requests, looked up in the prefix cache";
  if (part == "take") return "their admission";
  if (part == "plan") return "the step's plan, prefixes matched";
  if (part == "view") return "beside the step: what the controller hears of the prefix cache";
  if (part == "commit") return "what the step gave, full pages cached, figures for the controller";
  if (part == "all") return "all of these";
  return "a plan while a prompt is held";
}

double share_of_step(const PlanningOptions& options, double microseconds) {
  return 1e-3 * microseconds / options.step_ms;
}

Json to_json(const PlanningOptions& options, const PlanningReport& report) {
  Json parts = Json::array();
  for (const PlanningPart& part : report.parts) {
    parts.push_back({{"name", part.name},
                     {"median_us", part.median_us},
                     {"p99_us", part.p99_us},
                     {"longest_us", part.longest_us},
                     {"median_share_of_step", share_of_step(options, part.median_us)},
                     {"p99_share_of_step", share_of_step(options, part.p99_us)}});
  }
  return {{"cached_prompts", options.cached_prompts},
          {"running", options.running},
          {"waiting", options.waiting},
          {"steps", options.steps},
          {"step_ms", options.step_ms},
          {"num_pages", report.num_pages},
          {"mean_running", report.mean_running},
          {"mean_prompts", report.mean_prompts},
          {"prefix_hit_rate", report.prefix_hit_rate},
          {"num_preemptions", report.num_preemptions},
          {"parts", std::move(parts)}};
}

}  // namespace

const PlanningPart& PlanningReport::part(std::string_view name) const {
  const auto found = std::ranges::find(parts, name, &PlanningPart::name);
  CHECK(found != parts.end(), "planning has no part \"{}\"", name);
  return *found;
}

Status run_bench_planning(const PlanningOptions& options, std::FILE* out) {
  TRY(const PlanningReport report, measure_planning(options));
  if (options.json) {
    fmt::print(out, "{}\n", to_json(options, report).dump());
    return {};
  }
  fmt::print(
      out,
      "{} cached prompts in {} pages, {:.0f} requests running, {} waiting; {:.2f} prompts begin a step, {:.0f} % "
      "of their tokens cached; {} preemptions in {} steps\n",
      options.cached_prompts, report.num_pages, report.mean_running, options.waiting, report.mean_prompts,
      100 * report.prefix_hit_rate, report.num_preemptions, options.steps);
  fmt::print(out, "{:<12}{:>12}{:>12}{:>12}{:>22}\n", "", "median us", "P99 us", "longest us",
             fmt::format("P99 of {} ms", options.step_ms));
  for (const PlanningPart& part : report.parts) {
    fmt::print(out, "{:<12}{:>12.1f}{:>12.1f}{:>12.1f}{:>20.2f} %  {}\n", part.name, part.median_us, part.p99_us,
               part.longest_us, 100 * share_of_step(options, part.p99_us), meaning_of(part.name));
  }
  return {};
}

}  // namespace braid
