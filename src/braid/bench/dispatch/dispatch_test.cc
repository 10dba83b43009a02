#include "braid/bench/dispatch/dispatch.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "braid/bench/dispatch/rank_loops.h"
#include "braid/bench/dispatch/ranks.h"
#include "tests/support/bench/printed_by.h"

namespace braid {
namespace {

std::string dispatch_report(const BenchDispatchOptions& options) {
  return testing::printed_by([&](std::FILE* out) {
    const Status status = run_bench_dispatch(options, out);
    EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
  });
}

TEST(BenchDispatch, BothWaysReachEveryGroupAndABroadcastSendsEachByteToAll) {
  const BenchDispatchOptions options{
      .groups = {3}, .prompt_lens = {16, 300}, .between = "threads", .num_requests = 30, .batch = 7, .json = true};
  const auto report = nlohmann::json::parse(dispatch_report(options));
  ASSERT_EQ(report.at("rows").size(), 4U);
  for (const auto& row : report.at("rows")) {
    EXPECT_EQ(row.at("between"), "threads");
    EXPECT_EQ(row.at("groups"), 3);
    for (const char* part : {"single", "single_stream", "batched"}) {
      EXPECT_GT(row.at(part).at("requests_per_s"), 0);
      EXPECT_GE(row.at(part).at("p99_us"), row.at(part).at("p50_us"));
      const double once = row.at(part).at("bytes_per_request");
      EXPECT_GT(once, 4 * row.at("prompt_len").get<double>());
      EXPECT_DOUBLE_EQ(row.at(part).at("sent_bytes_per_request"), once * (row.at("dispatch") == "broadcast" ? 3 : 1));
    }
  }
}

TEST(BenchDispatch, AGroupMayBeItsPublisherAlone) {
  const BenchDispatchOptions options{.groups = {1},
                                     .prompt_lens = {8},
                                     .ranks_per_group = 1,
                                     .dispatch = "direct",
                                     .between = "threads",
                                     .num_requests = 5};
  EXPECT_NE(dispatch_report(options).find("direct"), std::string::npos);
}

TEST(BenchDispatch, AnErrorNamesWhatCannotBeMeasured) {
  const auto error_of = [](const BenchDispatchOptions& options) {
    const Status status = run_bench_dispatch(options, stdout);
    return status.ok() ? std::string() : status.error().message;
  };
  EXPECT_EQ(error_of({.between = "threads", .is_encrypted = true}),
            "--curve encrypts what goes between processes; --between threads has none");
  EXPECT_NE(error_of({.as_rank = "/nowhere"}).find("--as-rank"), std::string::npos);
}

TEST(RankTask, IsReadBackAsItWasWritten) {
  const dispatch::RankTask task{.layout = {.num_groups = 4, .ranks_per_group = 3},
                                .group = 3,
                                .rank = 2,
                                .controller = {.maps = "ipc:///a", .outputs = "ipc:///b"},
                                .group_link = {.maps = "ipc:///c", .outputs = "ipc:///d"},
                                .curve = CurveClient{.own = {.public_key = "p", .secret_key = "s"}, .server_key = "k"}};
  const auto read = dispatch::parse_task(dispatch::task_text(task));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(dispatch::task_text(read.value()), dispatch::task_text(task));
  EXPECT_EQ(read.value().curve->server_key, "k");
  EXPECT_FALSE(dispatch::parse_task("{}").ok());
  EXPECT_FALSE(dispatch::parse_task("no json").ok());
}

}  // namespace
}  // namespace braid
