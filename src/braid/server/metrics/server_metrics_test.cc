#include "braid/server/metrics/server_metrics.h"

#include <gtest/gtest.h>

#include <string>

namespace braid::metrics {
namespace {

std::string line_of(const std::string& text, const std::string& start) {
  const size_t at = text.find("\n" + start);
  if (at == std::string::npos) return {};
  return text.substr(at + 1, text.find('\n', at + 1) - at - 1);
}

TEST(ServerMetrics, ARequestCountsOnceInEveryHistogramItHasATimeFor) {
  ServerMetrics metrics("braid", "tiny");
  metrics.record({.queue_s = 0.01,
                  .first_token_s = 0.2,
                  .inter_token_s = 0.03,
                  .end_to_end_s = 1.5,
                  .prompt_tokens = 10,
                  .cached_tokens = 4,
                  .output_tokens = 20});
  metrics.record({.end_to_end_s = 0.5, .prompt_tokens = 3, .was_aborted = true});
  const std::string text = metrics.render({.num_dropped_log_lines = 7});
  EXPECT_EQ(line_of(text, "braid_time_to_first_token_seconds_count"),
            "braid_time_to_first_token_seconds_count{model_name=\"tiny\"} 1");
  EXPECT_EQ(line_of(text, "braid_inter_token_latency_seconds_count"),
            "braid_inter_token_latency_seconds_count{model_name=\"tiny\"} 1");
  EXPECT_EQ(line_of(text, "braid_queue_time_seconds_count"), "braid_queue_time_seconds_count{model_name=\"tiny\"} 1");
  EXPECT_EQ(line_of(text, "braid_e2e_request_latency_seconds_count"),
            "braid_e2e_request_latency_seconds_count{model_name=\"tiny\"} 2");
  EXPECT_EQ(line_of(text, "braid_prompt_tokens_total"), "braid_prompt_tokens_total{model_name=\"tiny\"} 13");
  EXPECT_EQ(line_of(text, "braid_cached_tokens_total"), "braid_cached_tokens_total{model_name=\"tiny\"} 4");
  EXPECT_EQ(line_of(text, "braid_generation_tokens_total"), "braid_generation_tokens_total{model_name=\"tiny\"} 20");
  EXPECT_EQ(line_of(text, "braid_num_aborted_requests_total"),
            "braid_num_aborted_requests_total{model_name=\"tiny\"} 1");
  EXPECT_EQ(line_of(text, "braid_num_dropped_log_lines_total"),
            "braid_num_dropped_log_lines_total{model_name=\"tiny\"} 7");
}

TEST(ServerMetrics, CachedPagesCountAsFree) {
  EngineStats stats{.scheduler = {.num_running = 2,
                                  .num_waiting = 1,
                                  .num_pages = 100,
                                  .num_free_pages = 50,
                                  .num_cached_pages = 25,
                                  .num_prompt_tokens = 200,
                                  .num_cached_tokens = 50},
                    .num_queued = 3,
                    .num_kv_tokens = 1600};
  stats.groups = {{.scheduler = stats.scheduler}};
  const std::string text = ServerMetrics("sglang:", "tiny").render({.engine = stats});
  EXPECT_EQ(line_of(text, "sglang:num_running_reqs"), "sglang:num_running_reqs{model_name=\"tiny\"} 2");
  EXPECT_EQ(line_of(text, "sglang:num_queue_reqs"), "sglang:num_queue_reqs{model_name=\"tiny\"} 4");
  EXPECT_EQ(line_of(text, "sglang:token_usage"), "sglang:token_usage{model_name=\"tiny\"} 0.25");
  EXPECT_EQ(line_of(text, "sglang:num_used_tokens"), "sglang:num_used_tokens{model_name=\"tiny\"} 400");
  EXPECT_EQ(line_of(text, "sglang:cache_hit_rate"), "sglang:cache_hit_rate{model_name=\"tiny\"} 0.25");
}

TEST(ServerMetrics, FrontTimeExcludesTheRanks) {
  CpuByRole cpu;
  cpu.seconds[static_cast<size_t>(ThreadRole::kHttp)] = 0.5;
  cpu.seconds[static_cast<size_t>(ThreadRole::kController)] = 0.25;
  cpu.seconds[static_cast<size_t>(ThreadRole::kRank)] = 64;
  const std::string text = ServerMetrics("braid", "m").render({.cpu = cpu});
  EXPECT_EQ(line_of(text, "braid_front_cpu_seconds_total"), "braid_front_cpu_seconds_total{model_name=\"m\"} 0.75");
}

TEST(ServerMetrics, TheJournalHasItsOwnIfThereIsOne) {
  const ServerMetrics metrics("braid", "m");
  EXPECT_EQ(metrics.render({}).find("journal"), std::string::npos);
  const std::string text = metrics.render({.journal = JournalStats{.num_bytes = 5, .num_dropped_records = 2}});
  EXPECT_EQ(line_of(text, "braid_journal_bytes"), "braid_journal_bytes{model_name=\"m\"} 5");
  EXPECT_EQ(line_of(text, "braid_num_dropped_journal_records_total"),
            "braid_num_dropped_journal_records_total{model_name=\"m\"} 2");
  EXPECT_EQ(text.find("left_out_nodes"), std::string::npos);
  ClusterStatus smaller;
  smaller.elastic = ElasticStatus{.left_out = {1, 3}};
  EXPECT_EQ(line_of(metrics.render({.cluster = smaller}), "braid_left_out_nodes"),
            "braid_left_out_nodes{model_name=\"m\"} 2");
  EXPECT_EQ(text.find("standby"), std::string::npos);
  const std::string more = metrics.render({.standby = StandbyStats{.is_whole = true, .bytes_behind = 7}});
  EXPECT_EQ(line_of(more, "braid_standby_is_whole"), "braid_standby_is_whole{model_name=\"m\"} 1");
  EXPECT_EQ(line_of(more, "braid_standby_bytes_behind"), "braid_standby_bytes_behind{model_name=\"m\"} 7");
}

TEST(ServerMetrics, EachGroupHasItsOwnSamples) {
  EngineStats stats{.num_kv_tokens = 3200};
  stats.groups = {{.scheduler = {.num_running = 2, .num_pages = 100, .num_free_pages = 100}},
                  {.scheduler = {.num_running = 5, .num_pages = 100, .num_free_pages = 50}}};
  stats.moves = {{.num_given = 3, .num_taken = 1, .num_given_tokens = 70, .num_prefixes_given = 4},
                 {.num_given = 1, .num_taken = 3, .num_prefixes_taken = 4, .num_prefix_tokens_taken = 640}};
  stats.groups[0].exchange = {
      .steps_by_padding = {5, 0, 2}, .halved_steps = 3, .gathered_bytes = 640, .scattered_bytes = 1280};
  stats.groups[1].exchange = {.steps_by_padding = {1, 0, 0}, .gathered_bytes = 64};
  stats.groups[1].own_seconds = 2.5;
  stats.slowness = {1, 1.75};
  stats.num_too_long_to_move = 2;
  stats.worlds = {{.num_restarts = 1}, {.num_restarts = 4}};
  stats.num_resumed = 17;
  stats.images = {.num_entries = 5, .num_in_use = 2, .num_hits = 7, .num_unshared = 1};
  stats.images.broadcasts[static_cast<size_t>(MmStrategy::kBatch)] = {.num_messages = 2, .num_images = 9};
  for (const int64_t size : {1, 8}) stats.images.count_batch(size);
  stats.num_set_aside = 1;
  const std::string text = ServerMetrics("braid", "m").render({.engine = stats});
  for (const char* line : {"braid_num_running_reqs{model_name=\"m\",dp_rank=\"0\"} 2\n",
                           "braid_num_running_reqs{model_name=\"m\",dp_rank=\"1\"} 5\n",
                           "braid_token_usage{model_name=\"m\",dp_rank=\"1\"} 0.5\n",
                           "braid_dp_own_work_seconds_total{model_name=\"m\",dp_rank=\"1\"} 2.5\n",
                           "braid_dp_measured_slowness{model_name=\"m\",dp_rank=\"1\"} 1.75\n",
                           "braid_num_used_tokens{model_name=\"m\",dp_rank=\"1\"} 800\n",
                           "braid_num_moved_out_requests_total{model_name=\"m\",dp_rank=\"0\"} 3\n",
                           "braid_num_moved_in_requests_total{model_name=\"m\",dp_rank=\"0\"} 1\n",
                           "braid_num_prefixes_copied_out_total{model_name=\"m\",dp_rank=\"0\"} 4\n",
                           "braid_num_prefixes_copied_in_total{model_name=\"m\",dp_rank=\"1\"} 4\n",
                           "braid_num_prefix_tokens_copied_in_total{model_name=\"m\",dp_rank=\"1\"} 640\n",
                           "braid_num_prefixes_gone_total{model_name=\"m\",dp_rank=\"1\"} 0\n",
                           "braid_num_moved_out_tokens_total{model_name=\"m\",dp_rank=\"0\"} 70\n",
                           "braid_num_too_long_to_move_requests_total{model_name=\"m\"} 2\n",
                           "braid_padding_steps_total{model_name=\"m\",padding=\"max_len\"} 6\n",
                           "braid_padding_steps_total{model_name=\"m\",padding=\"exact\"} 2\n",
                           "braid_overlap_steps_total{model_name=\"m\",overlap=\"whole\"} 5\n",
                           "braid_overlap_steps_total{model_name=\"m\",overlap=\"halves\"} 3\n",
                           "braid_gathered_bytes_total{model_name=\"m\",dp_rank=\"0\"} 640\n",
                           "braid_scattered_bytes_total{model_name=\"m\",dp_rank=\"0\"} 1280\n",
                           "braid_num_world_restarts_total{model_name=\"m\",world=\"1\"} 4\n",
                           "braid_num_resumed_requests_total{model_name=\"m\"} 17\n",
                           "braid_num_set_aside_requests_total{model_name=\"m\"} 1\n",
                           "braid_mm_cache_entries{model_name=\"m\"} 5\n",
                           "braid_mm_cache_entries_in_use{model_name=\"m\"} 2\n",
                           "braid_mm_cache_hits_total{model_name=\"m\"} 7\n",
                           "braid_mm_broadcasts_total{model_name=\"m\",strategy=\"batch\"} 2\n",
                           "braid_mm_broadcast_images_total{model_name=\"m\",strategy=\"batch\"} 9\n",
                           "braid_mm_broadcast_images_total{model_name=\"m\",strategy=\"local\"} 0\n",
                           "braid_mm_broadcast_batch_size_bucket{model_name=\"m\",le=\"5\"} 1\n",
                           "braid_mm_broadcast_batch_size_bucket{model_name=\"m\",le=\"10\"} 2\n",
                           "braid_mm_broadcast_batch_size_sum{model_name=\"m\"} 9\n",
                           "braid_mm_fallbacks_total{model_name=\"m\",to=\"bytes\"} 1\n",
                           "braid_num_queue_reqs{model_name=\"m\"} 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(ServerMetrics, EachRankHasItsOwnSamplesAndTheLayoutIsInLabels) {
  const ServerState now{
      .cluster = {.nodes = {{.host = "a"}, {.node = 1, .host = "b"}},
                  .ranks = {{.rank = 0, .counts = {.num_steps = 2, .step_s = 1.5, .exchange_s = 0.25}},
                            {.rank = 3, .counts = {.num_steps = 2, .step_s = 1.5, .exchange_s = 1}}}},
      .layout = {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true},
      .version = "1.2.3"};
  const std::string text = ServerMetrics("braid", "m").render(now);
  for (const char* line :
       {"# TYPE braid_rank_step_seconds_total counter\n",
        "braid_rank_step_seconds_total{model_name=\"m\",rank=\"3\"} 1.5\n",
        "braid_rank_exchange_seconds_total{model_name=\"m\",rank=\"0\"} 0.25\n",
        "braid_rank_exchange_seconds_total{model_name=\"m\",rank=\"3\"} 1\n",
        "braid_server_info{model_name=\"m\",version=\"1.2.3\",tp_size=\"4\",dp_size=\"2\",enable_dp_attention=\"true\","
        "num_nodes=\"2\"} 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_EQ(ServerMetrics("braid", "m").render({}).find("rank_step"), std::string::npos) << "there are no ranks yet";
}

}  // namespace
}  // namespace braid::metrics
