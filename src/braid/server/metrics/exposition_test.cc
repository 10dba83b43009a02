#include "braid/server/metrics/exposition.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "braid/server/metrics/histogram.h"

namespace braid::metrics {
namespace {

TEST(Exposition, BucketsAreCumulativeAndEndInInfinity) {
  Histogram histogram({0.5, 2});
  for (const double value : {0.1, 0.2, 1.0, 3.0}) histogram.observe(value);
  Exposition out("braid", {{"model_name", "m"}});
  out.histogram("wait_seconds", "Waiting.", histogram);
  EXPECT_EQ(out.text(),
            "# HELP braid_wait_seconds Waiting.\n"
            "# TYPE braid_wait_seconds histogram\n"
            "braid_wait_seconds_bucket{model_name=\"m\",le=\"0.5\"} 2\n"
            "braid_wait_seconds_bucket{model_name=\"m\",le=\"2\"} 3\n"
            "braid_wait_seconds_bucket{model_name=\"m\",le=\"+Inf\"} 4\n"
            "braid_wait_seconds_sum{model_name=\"m\"} 4.3\n"
            "braid_wait_seconds_count{model_name=\"m\"} 4\n");
}

TEST(Exposition, APrefixThatEndsInASeparatorIsTakenAsItIs) {
  for (const auto& [prefix, name] :
       {std::pair{"braid", "braid_up"}, {"sglang:", "sglang:up"}, {"x_", "x_up"}, {"", "up"}}) {
    Exposition out(prefix, {});
    out.gauge("up", "Up.", 1);
    EXPECT_NE(out.text().find(std::string("\n") + name + "{} 1\n"), std::string::npos) << out.text();
  }
}

TEST(Exposition, ACounterHasASampleForEachValueOfItsLabel) {
  Exposition out("braid", {});
  out.counter_by_label("steps_total", "Steps.", "padding",
                       std::vector<std::pair<std::string, double>>{{"exact", 3}, {"max_len", 0}});
  EXPECT_EQ(out.text(),
            "# HELP braid_steps_total Steps.\n"
            "# TYPE braid_steps_total counter\n"
            "braid_steps_total{padding=\"exact\"} 3\n"
            "braid_steps_total{padding=\"max_len\"} 0\n");
}

TEST(Exposition, ALabelCannotBreakOutOfItsQuotes) {
  Exposition out("braid", {{"model_name", "a\"b\\c\nd"}});
  out.gauge("up", "Up.", 1);
  EXPECT_NE(out.text().find("{model_name=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos) << out.text();
}

}  // namespace
}  // namespace braid::metrics
