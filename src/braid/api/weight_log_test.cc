#include "braid/api/weight_log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace braid {
namespace {

std::string logged(const WeightReport& report) {
  std::ostringstream out;
  Logger log("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  log.set_pattern("%l %v");
  log_weights(report, log);
  return out.str();
}

TEST(WeightLog, NamesTheRankItsPlaceAndWhatIsDamaged) {
  WeightReport report{.nodes = {{.node = 0, .host = "a"}, {.node = 1, .host = "b"}}, .num_pages = 40};
  report.ranks = {{.rank = 0, .weights = {.checked_unix_s = 1, .num_pages = 20}},
                  {.rank = 1, .weights = {.checked_unix_s = 1, .num_pages = 20}}};
  EXPECT_EQ(logged(report), "info the weights of 2 ranks are what was loaded: 40 pages\n");

  report.num_bad_pages = 4;
  report.ranks[1] = {
      .rank = 1,
      .group = 1,
      .node = 1,
      .pid = 77,
      .weights = {.checked_unix_s = 1, .num_pages = 20, .num_bad_pages = 4, .damaged = {{"q, k", 1}, {"down", 2}}}};
  EXPECT_EQ(
      logged(report),
      "error rank 1 (group 1, node 1 on b, pid 77): 4 of 20 pages of its weights are not what was loaded, so that "
      "it computes wrong answers until its process starts again: q, k (1 page); down (2 pages); 1 more\n");
}

TEST(WeightLog, WhatWasNotCheckedIsNoSuccess) {
  EXPECT_EQ(logged({.unchecked = {"world 1 does not run"}}),
            "warning weights were not checked: world 1 does not run\n");
}

}  // namespace
}  // namespace braid
