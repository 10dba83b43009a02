#include "braid/server/service/endpoints.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "braid/api/profile.h"
#include "braid/api/text_model.h"
#include "braid/base/clock.h"
#include "braid/base/log_parts.h"
#include "braid/base/thread_role.h"
#include "braid/config/generation_config.h"
#include "braid/server/service/http_responses.h"
#include "braid/server/service/status.h"
#include "braid/server/sglang/text_requests.h"

namespace braid {

namespace {

Json model_entry(const ServedModel& model) {
  return {{"id", model.name},    {"object", "model"},  {"created", model.created_s},
          {"owned_by", "braid"}, {"root", model.path}, {"max_model_len", model.engine->stats().context_len}};
}

Json list_or_first(Json list, bool is_list) {
  return is_list ? list : list.front();
}

// Limits of bodies that are read on the transport's threads.
openai::ProtocolLimits small_body() {
  return {.json = {.max_bytes = 1 << 16, .max_values = 1000, .max_depth = 8}};
}

// Processor time by the kind of thread; "front" is all of them except the ranks.
Json cpu_seconds() {
  const CpuByRole cpu = cpu_seconds_by_role();
  Json seconds = {{"front", cpu.front()}};
  for (int i = 0; i < kNumThreadRoles; ++i) {
    const auto role = static_cast<ThreadRole>(i);
    seconds[std::string(thread_role_name(role))] = cpu.of(role);
  }
  return seconds;
}

}  // namespace

http::Response list_models(const ServedModel& model) {
  return json_response({{"object", "list"}, {"data", Json::array({model_entry(model)})}});
}

http::Response show_model(const ServedModel& model, std::string_view name) {
  if (const auto checked = check_model_name(model, name); !checked.ok()) return error_response(checked.error());
  return json_response(model_entry(model));
}

http::Response health(const ServedModel& model) {
  const EngineStats stats = model.engine->stats();
  if (stats.failure.empty()) return json_response({{"status", "ok"}});
  return error_response({.status = 503, .message = stats.failure, .type = "server_error", .code = "engine_failed"});
}

http::Response tokenize(const ServedModel& model, std::string_view body) {
  const auto request = sglang::parse_tokenize_request(body, model.limits);
  if (!request.ok()) return error_response(request.error());
  std::vector<std::string> texts;
  bool adds_special_tokens = request->add_special_tokens;
  if (const auto* chat = std::get_if<openai::ChatRequest>(&request->prompt)) {
    auto rendered = model.requests.renderer.prompt(*chat);
    if (!rendered.ok()) return error_response({.message = rendered.error().message, .param = "messages"});
    texts.push_back(*std::move(rendered));
    adds_special_tokens = false;
  } else if (const auto* text = std::get_if<std::string>(&request->prompt)) {
    texts.push_back(*text);
  } else {
    texts = std::get<std::vector<std::string>>(request->prompt);
  }
  Json tokens = Json::array();
  Json counts = Json::array();
  for (const std::string& text : texts) {
    const auto ids = model.tokenizer().encode(text, adds_special_tokens);
    counts.push_back(ids.size());
    tokens.push_back(ids);
  }
  const bool is_list = std::holds_alternative<std::vector<std::string>>(request->prompt);
  return json_response({{"tokens", list_or_first(std::move(tokens), is_list)},
                        {"count", list_or_first(std::move(counts), is_list)},
                        {"max_model_len", model.engine->stats().context_len}});
}

http::Response detokenize(const ServedModel& model, std::string_view body) {
  const auto request = sglang::parse_detokenize_request(body, model.limits);
  if (!request.ok()) return error_response(request.error());
  Json texts = Json::array();
  for (const auto& ids : request->tokens) texts.push_back(model.tokenizer().decode(ids, request->skip_special_tokens));
  return json_response({{"text", list_or_first(std::move(texts), request->is_list)}});
}

http::Response abort_request(InFlight& in_flight, std::string_view body) {
  const openai::ProtocolLimits limits = small_body();
  const auto request = sglang::parse_abort_request(body, limits);
  if (!request.ok()) return error_response(request.error());
  const int64_t count = request->all ? in_flight.abort_all() : (in_flight.abort(request->rid) ? 1 : 0);
  return json_response({{"num_aborted", count}});
}

http::Response configure_logging(Logger& logger, RequestLog& requests, std::string_view body) {
  const auto wanted = sglang::parse_logging_request(body.empty() ? "{}" : body, small_body());
  if (!wanted.ok()) return error_response(wanted.error());
  if (wanted->levels) set_log_levels(logger, *wanted->levels);
  if (wanted->log_requests) requests.switch_to(*wanted->log_requests);
  return json_response({{"log_level", log_levels(logger).text()}, {"log_requests", requests.is_on()}});
}

http::Response flush_cache(const ServedModel& model) {
  return json_response({{"success", true}, {"num_tokens", model.engine->flush_cache()}});
}

http::Response pause_generation(const ServedModel& model) {
  model.engine->pause();
  return json_response({{"success", true}});
}

http::Response continue_generation(const ServedModel& model) {
  model.engine->resume();
  return json_response({{"success", true}});
}

http::Response check_weights(const ServedModel& model) {
  const double start_s = monotonic_seconds();
  const auto report = model.engine->check_weights();
  if (!report.ok()) {
    return error_response({.status = 409, .message = report.error().message, .code = "check_under_way"});
  }
  Json ranks = Json::array();
  for (const RankStatus& rank : report->ranks) {
    const auto node = std::ranges::find(report->nodes, rank.node, &NodeStatus::node);
    Json entry = {{"rank", rank.rank},
                  {"dp_rank", rank.group},
                  {"node", rank.node},
                  {"host", node == report->nodes.end() || node->host.empty() ? Json(nullptr) : Json(node->host)},
                  {"pid", rank.pid}};
    entry.update(rank_weights(rank.weights));
    ranks.push_back(std::move(entry));
  }
  return json_response({{"success", report->num_bad_pages == 0 && report->unchecked.empty()},
                        {"num_pages", report->num_pages},
                        {"num_bad_pages", report->num_bad_pages},
                        {"seconds", monotonic_seconds() - start_s},
                        {"ranks", std::move(ranks)},
                        {"unchecked", report->unchecked}});
}

http::Response start_profile(const ServedModel& model) {
  model.engine->start_profile();
  return json_response({{"success", true}});
}

http::Response stop_profile(const ServedModel& model) {
  return {.content_type = "application/json", .body = chrome_trace(model.engine->stop_profile())};
}

http::Response model_info(const ServedModel& model) {
  const ModelConfig& config = model.engine->config();
  return json_response({{"model_path", model.path},
                        {"tokenizer_path", model.tokenizer_path.empty() ? model.path : model.tokenizer_path},
                        {"served_model_name", model.name},
                        {"is_generation", true},
                        {"preferred_sampling_params", sampling_defaults_json(model.engine->generation_defaults())},
                        {"architecture", config.architecture},
                        {"vocab_size", config.vocab_size},
                        {"max_model_len", model.engine->stats().context_len},
                        {"has_chat_template", !model.engine->text().chat.empty()},
                        {"takes_images", model.engine->images() != nullptr}});
}

http::Response server_info(const ServedModel& model, const Json& settings) {
  const EngineStats stats = model.engine->stats();
  Json info = settings;
  info["model_path"] = model.path;
  info["served_model_name"] = model.name;
  info["context_length"] = stats.context_len;
  info["max_total_num_tokens"] = stats.num_kv_tokens;
  info["num_queue_reqs"] = stats.num_queued;
  const ParallelLayout& layout = model.engine->layout();
  info["tp_size"] = layout.tp_size;
  info["dp_size"] = layout.dp_size;
  info["attn_tp_size"] = layout.attn_tp_size();
  info["enable_dp_attention"] = layout.enable_dp_attention;
  info["rank_grid"] = rank_grid(layout);
  info["cpu_seconds"] = cpu_seconds();
  info["dp_balance_ratio"] = stats.balance.ratio();
  info["num_step_tokens"] = stats.balance.num_tokens;
  info["num_even_step_tokens"] = stats.balance.num_even_tokens;
  info["lost_dp_ranks"] = Json::array();
  for (const EngineStats::LostGroup& lost : stats.lost_groups) {
    info["lost_dp_ranks"].push_back({{"dp_rank", lost.group}, {"reason", lost.reason}});
  }
  info["num_too_long_to_move_reqs"] = stats.num_too_long_to_move;
  // One entry for each DP group.
  info["internal_states"] = Json::array();
  for (size_t dp_rank = 0; dp_rank < stats.groups.size(); ++dp_rank) {
    const GroupLoad& load = stats.groups[dp_rank];
    const GroupMoves& moves = stats.moves.at(dp_rank);
    const SchedulerStats& group = load.scheduler;
    info["internal_states"].push_back({{"dp_rank", dp_rank},
                                       {"num_running_reqs", group.num_running},
                                       {"num_waiting_reqs", group.num_waiting},
                                       {"num_pages", group.num_pages},
                                       {"num_free_pages", group.num_free_pages},
                                       {"num_cached_pages", group.num_cached_pages},
                                       {"num_preemptions", group.num_preemptions},
                                       {"num_moved_out_reqs", moves.num_given},
                                       {"num_moved_in_reqs", moves.num_taken},
                                       {"num_moved_out_tokens", moves.num_given_tokens},
                                       {"num_prefixes_copied_out", moves.num_prefixes_given},
                                       {"num_prefixes_copied_in", moves.num_prefixes_taken},
                                       {"num_prefix_tokens_copied_in", moves.num_prefix_tokens_taken},
                                       {"num_prefixes_gone", moves.num_prefixes_gone},
                                       {"num_steps", load.num_steps},
                                       {"own_seconds", load.own_seconds},
                                       {"measured_slowness", stats.slowness.at(dp_rank)},
                                       {"num_step_tokens", load.num_step_tokens},
                                       {"num_prompt_tokens", group.num_prompt_tokens},
                                       {"num_cached_tokens", group.num_cached_tokens},
                                       {"last_gen_throughput", stats.output_tokens_per_s}});
  }
  return json_response(info);
}

}  // namespace braid
