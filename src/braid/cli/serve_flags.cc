#include "braid/cli/serve_flags.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "braid/cli/flag_values.h"
#include "braid/cli/lines.h"
#include "braid/hub/hub_name.h"
#include "braid/hub/model_path.h"
#include "braid/server/service/http_responses.h"

namespace braid {

namespace {

constexpr double kMaxSeconds = 1e7;

// A time limit of the transport.
Flag add_time_limit(const Command& command, const std::string& name, std::chrono::milliseconds& time,
                    const std::string& text) {
  return command.add_seconds(name, time, text).check(number_from(0.001, kMaxSeconds)).group("Limits");
}

void add_server_flags(Command command, ServeFlags& flags) {
  const auto group = [](Flag flag) { return flag.show_default().group("Server"); };
  group(command.add_option("--host", flags.host, "Name or address to listen on; 0.0.0.0 or :: for all"));
  group(command.add_option("--port", flags.port, "0: any that is free")).check(whole_number(0, 65535));
  group(command.add_option("--served-model-name", flags.served_model_name,
                           "What clients call the model; default: the name of its directory or file"));
  group(command.add_option(
      "--tool-call-parser", flags.tool_call_parser,
      "How the model writes tool calls: auto (by its template), none, hermes, llama3_json, mistral, …"));
  group(command.add_option("--reasoning-parser", flags.reasoning_parser,
                           "How the model writes its thinking: auto (by its template), none, qwen3, deepseek_r1, …"));
  group(command.add_option("--api-key", flags.api_keys, "Only clients with this key, or another one (repeatable)"))
      .one_value_each_time();
  group(command.add_option("--api-key-file", flags.api_key_file, "More such keys, one a line"));
  group(command.add_option("--ssl-certfile", flags.tls_certificate, "PEM file: serve HTTPS with this certificate"));
  group(command.add_option("--ssl-keyfile", flags.tls_key, "PEM file: its key"));
  group(command.add_option("--allowed-origins", flags.allowed_origins,
                           "Pages of this origin may use the server, or * (repeatable); default: none but its own"))
      .one_value_each_time();
  group(command.add_option("--max-queued-requests", flags.max_queued_requests,
                           "Sequences that may wait beside those that run; beyond: 429"))
      .check(whole_number(0, uint64_t{1} << 40));
  group(command.add_option("--max-unread-requests", flags.max_unread_requests,
                           "Requests that may wait to be parsed and tokenized; beyond: 503"))
      .check(whole_number(1, uint64_t{1} << 40));
  group(command.add_option("--request-timeout", flags.request_timeout_s,
                           "Seconds that a request may take, whatever it asks for; 0: no limit"))
      .check(number_from(0, kMaxSeconds));
  group(command.add_option("--drain-timeout", flags.drain_timeout_s,
                           "Seconds to finish what runs after SIGTERM or Ctrl-C"))
      .check(number_from(0, kMaxSeconds));
  group(command.add_option("--health-timeout", flags.health_timeout_s,
                           "Seconds in which /health_generate must see a token"))
      .check(number_from(0.001, kMaxSeconds));
}

void add_journal_flags(Command command, ServeFlags& flags) {
  const auto group = [](Flag flag) { return flag.group("Journal"); };
  group(command.add_option("--journal", flags.journal,
                           "Folder: streams with a rid survive this process, and GET /v1/streams/RID has their rest"));
  group(command.add_option("--journal-max-size", flags.journal_max_bytes,
                           "Bytes of the folder at most; beyond: the oldest requests do not survive"))
      .convert(byte_size(int64_t{1} << 20, int64_t{1} << 40))
      .type_name("BYTES")
      .default_text(fmt::format("{}", flags.journal_max_bytes));
  group(command.add_option("--journal-max-image-size", flags.journal_max_image_bytes,
                           "Bytes of one request's images at most; a request with more does not survive"))
      .convert(byte_size(0, int64_t{1} << 40))
      .type_name("BYTES")
      .default_text(fmt::format("{}", flags.journal_max_image_bytes));
  group(command.add_option("--journal-keep", flags.journal_keep_s,
                           "Seconds for which a client may come back for a stream that has ended"))
      .check(number_from(0, kMaxSeconds))
      .show_default();
}

void add_limit_flags(Command command, ServeFlags& flags) {
  const auto group = [](Flag flag) { return flag.group("Limits"); };
  http::Limits& transport = flags.transport;
  openai::ProtocolLimits& protocol = flags.protocol;
  const auto size = [&](std::string name, auto& bytes, std::string text) {
    group(command.add_option(std::move(name), bytes, std::move(text)))
        .convert(byte_size(1024, int64_t{1} << 40))
        .type_name("BYTES")
        .default_text(fmt::format("{}", bytes));
  };
  const auto count = [&](std::string name, auto& number, std::string text) {
    group(command.add_option(std::move(name), number, std::move(text)))
        .check(whole_number(1, 1'000'000))
        .show_default();
  };
  size("--max-body-size", transport.max_body_bytes, "Bytes of one request's body; beyond: 413");
  size("--max-header-size", transport.max_header_bytes, "Bytes of one request's headers; beyond: 431");
  count("--max-connections", transport.max_connections, "Open connections; beyond: 503");
  add_time_limit(command, "--header-timeout", transport.header_timeout, "Seconds for a request's headers");
  add_time_limit(command, "--body-timeout", transport.body_timeout, "Seconds for a request's body");
  add_time_limit(command, "--idle-timeout", transport.idle_timeout, "Seconds between two requests");
  add_time_limit(command, "--write-timeout", transport.write_timeout,
                 "Seconds that a client may take nothing of its answer");
  count("--max-json-depth", protocol.json.max_depth, "Nested lists and objects in a body");
  count("--max-n", protocol.max_choices, "n: choices of one request");
  count("--max-stop-strings", protocol.max_stop_strings, "Stop strings of one request");
  count("--max-logit-bias", protocol.max_logit_bias, "Entries of one request's logit_bias");
}

void add_image_flags(Command command, ServeFlags& flags) {
  const auto group = [](Flag flag) { return flag.group("Images"); };
  group(command.add_option("--allowed-local-media-path", flags.media.local_path,
                           "Requests may name images below this folder, as file:// URLs; default: none"))
      .check(not_empty("a folder"))
      .type_name("DIR");
  group(command.add_flag("--allow-remote-media", flags.media.allows_remote,
                         "Requests may name images by http:// and https:// URLs, of public addresses"));
  group(command.add_option("--max-image-size", flags.media.max_bytes, "Bytes of one image as it was sent"))
      .convert(byte_size(1024, int64_t{1} << 30))
      .type_name("BYTES")
      .default_text(fmt::format("{}", flags.media.max_bytes));
  group(
      command.add_option("--max-images", flags.protocol.max_images, "Images of one request, frames of videos counted"))
      .check(whole_number(1, kMaxRequestImages))
      .show_default();
  RankOptions& rank = flags.model.rank;
  group(command.add_option("--mm-cache-size", rank.mm_cache_entries,
                           "Images whose features each process keeps for requests that bring them again"))
      .check(whole_number(0, 1'000'000))
      .show_default();
  group(command.add_option("--mm-cache-memory-bytes", rank.mm_cache_bytes, "Memory of these features at most"))
      .convert(byte_size(0, int64_t{1} << 50))
      .type_name("BYTES")
      .default_text(fmt::format("{}", rank.mm_cache_bytes));
  group(
      command.add_option("--mm-broadcast", flags.model.mm_broadcast,
                         "How the processes of a DP group come by images: local (each makes every image), per_request "
                         "or batch (one makes them, a message for each request or for all that are ready), sharded "
                         "(each makes a share), auto (by count and cost). In one process all ranks share them"))
      .check(one_of({"auto", "local", "per_request", "batch", "sharded"}))
      .show_default();
  group(command.add_option("--mm-batch-min", flags.model.mm_batch_min,
                           "With --mm-broadcast auto: images from which one message has all that are ready, or auto"))
      .type_name("auto|N")
      .show_default();
  group(
      command.add_option("--mm-timeout", rank.mm_timeout_s,
                         "Seconds in which the making of an image must get on before its thread is replaced, and every "
                         "process makes it itself; 0: no limit"))
      .check(number_from(0, kMaxSeconds))
      .show_default();
}

void add_log_flags(Command command, ServeFlags& flags) {
  command.add_flag("--log-requests", flags.log_requests, "A line in the log for each request and for its end")
      .group("Log and metrics");
  command.add_option("--log-format", flags.log_format, "text, or json: one object a line")
      .check(one_of({"text", "json"}))
      .show_default()
      .group("Log and metrics");
  command.add_option("--metrics-prefix", flags.metrics_prefix, "Of every name in /metrics")
      .show_default()
      .group("Log and metrics");
}

// "auto" is nothing: the model's template decides.
template <typename Format>
Result<std::optional<Format>> read_format(std::string_view flag, const std::string& value,
                                          std::optional<Format> (*find)(std::string_view),
                                          const std::vector<std::string>& names) {
  if (value == "auto") return std::optional<Format>();
  if (const auto format = find(value)) return format;
  return fail("{} {}: must be auto or one of: {}", flag, value, fmt::join(names, ", "));
}

Status check_metrics_prefix(std::string_view prefix) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  };
  const bool is_name = std::ranges::all_of(prefix, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
  if (prefix.empty() || (is_name && is_letter(prefix[0]))) return {};
  return fail("--metrics-prefix {}: must be made of letters, digits, '_' and ':', and begin with no digit", prefix);
}

}  // namespace

void add_process_flags(Command command, ServeFlags& serve) {
  ProcessFlags& flags = serve.processes;
  const auto group = [](Flag flag) { return flag.group("Processes and nodes"); };
  group(command.add_option("--ranks-per-process", flags.ranks_per_process,
                           "Ranks run in processes of their own, so many in each, which start again without the server "
                           "if one dies; default: threads of the server, or one process a node if there are several"))
      .check(whole_number(1, kMaxRanks));
  group(command.add_option("--nnodes", flags.num_nodes,
                           "Hosts; each runs this command. Default: 1, or with --node-rank one for each DP group"))
      .check(whole_number(1, kMaxRanks));
  group(command.add_option("--node-rank", flags.node_rank, "Which of them this is; 0 is where clients come"))
      .check(whole_number(0, kMaxRanks - 1));
  group(command.add_option("--node-0-address", flags.node_0_address, "Node 0's name or address"));
  group(command.add_option("--coordinator-port,--jax-coordinator-port", flags.port,
                           "Where node 0 awaits the others (default: 29500)"))
      .check(whole_number(1, 65535));
  group(command.add_option("--dist-init-addr", flags.dist_init_addr, "Both in one: HOST:PORT"));
  group(command.add_option("--ranks-on-node", flags.ranks_on_node,
                           "Ranks of each node, such as 3,1 (default: the same on all)"));
  group(command.add_option("--cluster-key-file", flags.cluster_key_file,
                           "The keys with which nodes know each other, on every node under this name (braid keygen)"));
  group(command.add_option("--standby", flags.standby,
                           "The node that takes over when node 0 is gone, with its own copy of node 0's --journal"))
      .check(whole_number(0, kMaxRanks - 1));
  group(command.add_option("--standby-address", flags.standby_address,
                           "Its name or address, where there are other nodes beside it and node 0"));
  group(command.add_option("--standby-after", flags.standby_after_s,
                           "Seconds without a word of node 0 before it does; longer than node 0 takes to start again"))
      .check(number_from(1, kMaxSeconds))
      .show_default();
  group(
      command.add_flag("--elastic", flags.is_elastic,
                       "The model goes on without a node that is gone, with its ranks on the other nodes if they have "
                       "the memory, and takes it back when it returns"));
  group(command.add_option(
            "--elastic-after", flags.elastic_after_s,
            "Seconds without a node before it does; longer than a node takes to start again (default: 10)"))
      .check(number_from(0, kMaxSeconds));
  group(command.add_option("--exchange-dtype", serve.model.exchange_dtype,
                           "How partial sums travel between processes: float32, with the bits of one process, or "
                           "bfloat16, with half the bytes"))
      .check(one_of({"float32", "bfloat16"}))
      .show_default();
  group(command.add_option("--overlap-halves", serve.model.overlap_halves,
                           "Compute steps in two halves, of which one travels between processes while the other is "
                           "computed: auto where that gains 5 %, on, off; all give the same bits"))
      .check(one_of({"auto", "on", "off"}))
      .show_default();
  group(command.add_flag("--enable-two-batch-overlap", serve.model.enable_two_batch_overlap,
                         "The same as --overlap-halves on, as SGLang names it"));
}

void add_serve_flags(Command command, ServeFlags& flags) {
  add_engine_flags(command, flags.model);
  add_server_flags(command, flags);
  add_journal_flags(command, flags);
  add_limit_flags(command, flags);
  add_image_flags(command, flags);
  add_log_flags(command, flags);
  add_process_flags(command, flags);
}

Result<EngineOptions> ServeFlags::engine_options() const {
  TRY_STATUS(check_metrics_prefix(metrics_prefix));
  TRY(EngineOptions options, model.engine_options());
  options.max_queued_requests = max_queued_requests;
  options.log_steps = true;
  TRY(options.processes, plan_nodes(*this, options.rank.layout));
  if (options.moves_pages() && !options.processes.ranks_on_node.empty() && options.rank.layout.num_worlds() > 1) {
    return fail(
        "{} moves keys and values within a model, and --dp-size {} without --enable-dp-attention makes {} of them "
        "in processes of their own: use --enable-dp-attention, or leave the replicas in one process",
        options.kv_rebalance ? "--kv-rebalance" : "--share-prefixes", options.rank.layout.dp_size,
        options.rank.layout.num_worlds());
  }
  return options;
}

Result<http::ServerOptions> ServeFlags::server_options() const {
  if (tls_certificate.empty() != tls_key.empty()) {
    return fail("{} needs {}: the certificate and its key go together",
                tls_key.empty() ? "--ssl-certfile" : "--ssl-keyfile",
                tls_key.empty() ? "--ssl-keyfile" : "--ssl-certfile");
  }
  http::ServerOptions options;
  options.host = host;
  options.port = static_cast<uint16_t>(port);
  options.tls_certificate = tls_certificate;
  options.tls_key = tls_key;
  options.limits = transport;
  options.limits.max_bodies_bytes = std::max(transport.max_bodies_bytes, 2 * transport.max_body_bytes);
  options.guard.api_keys = api_keys;
  if (!api_key_file.empty()) {
    TRY(const std::string text, read_flag_file("--api-key-file", api_key_file));
    TRY(const auto keys, parse_api_keys(text, api_key_file));
    options.guard.api_keys.insert(options.guard.api_keys.end(), keys.begin(), keys.end());
  }
  for (const std::string& key : options.guard.api_keys) {
    if (key.empty()) return fail("--api-key: a key must not be empty");
  }
  options.guard.allowed_origins = allowed_origins;
  options.format_error = format_transport_error;
  return options;
}

Result<ServiceOptions> ServeFlags::service_options() const {
  ServiceOptions options;
  options.model.name = model_name();
  options.model.path = model.model_path;
  options.model.tokenizer_path = model.tokenizer_path;
  options.model.limits = protocol;
  options.model.media = media;
  options.model.limits.json.max_bytes = static_cast<int64_t>(transport.max_body_bytes);
  TRY(options.model.tool_format,
      read_format("--tool-call-parser", tool_call_parser, parsers::find_tool_format, parsers::tool_format_names()));
  TRY(options.model.reasoning_format, read_format("--reasoning-parser", reasoning_parser,
                                                  parsers::find_reasoning_format, parsers::reasoning_format_names()));
  options.settings = settings();
  options.max_unread_requests = max_unread_requests;
  options.request_timeout_s = request_timeout_s;
  options.health_timeout_s = health_timeout_s;
  options.metrics_prefix = metrics_prefix;
  options.log_requests = log_requests;
  options.journal_max_image_bytes = journal_max_image_bytes;
  return options;
}

JournalOptions ServeFlags::journal_options() const {
  return {.folder = journal, .max_bytes = journal_max_bytes, .keep_s = journal_keep_s};
}

// Contains no keys, nor paths of secrets.
Json ServeFlags::settings() const {
  const RankOptions& rank = model.rank;
  return {{"version", version},
          {"host", host},
          {"port", port},
          {"tokenizer_path", model.tokenizer_path.empty() ? model.model_path : model.tokenizer_path},
          {"generation_config", model.generation_config.source},
          {"override_generation_config", model.generation_config.overrides},
          {"dtype", model.dtype},
          {"kv_cache_dtype", model.kv_cache_dtype},
          {"quantization", model.quantization},
          {"activation_bits", model.activation_bits},
          {"attention_backend", rank.attention_backend},
          {"moe_parallel", model.moe_parallel},
          {"dp_padding", model.dp_padding},
          {"exchange_dtype", model.exchange_dtype},
          {"overlap_halves", model.enable_two_batch_overlap ? "on" : model.overlap_halves},
          {"load_balance_method", model.load_balance_method},
          {"dp_dispatch", model.dp_dispatch},
          {"kv_rebalance", model.kv_rebalance},
          {"share_prefixes", model.share_prefixes},
          {"prefill_alignment", model.prefill_alignment},
          {"max_restarts", model.max_restarts},
          {"threads_per_rank", rank.threads_per_rank},
          {"page_size", rank.page_size},
          {"chunked_prefill_size", rank.chunked_prefill_size},
          {"max_running_requests", rank.max_running_requests},
          {"mem_fraction_static", rank.mem_fraction_static},
          {"schedule_policy", model.schedule_policy},
          {"disable_radix_cache", model.disable_radix_cache},
          {"max_queued_requests", max_queued_requests},
          {"max_unread_requests", max_unread_requests},
          {"request_timeout", request_timeout_s},
          {"tool_call_parser", tool_call_parser},
          {"reasoning_parser", reasoning_parser},
          {"allowed_local_media_path", media.local_path},
          {"allow_remote_media", media.allows_remote},
          {"mm_cache_size", rank.mm_cache_entries},
          {"mm_broadcast", model.mm_broadcast},
          {"mm_batch_min", model.mm_batch_min},
          {"mm_timeout", rank.mm_timeout_s},
          {"metrics_prefix", metrics_prefix},
          {"journal", journal},
          {"journal_max_image_size", journal_max_image_bytes},
          {"elastic", processes.is_elastic},
          {"standby", processes.standby > 0 ? Json(processes.standby) : Json(nullptr)}};
}

std::string ServeFlags::model_name() const {
  return served_model_name.empty() ? default_model_name(model.model_path) : served_model_name;
}

Result<std::vector<std::string>> parse_api_keys(std::string_view text, const std::string& path) {
  std::vector<std::string> keys;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view key = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!key.empty()) keys.emplace_back(key);
  }
  if (keys.empty()) return fail("--api-key-file {}: there is no key in it", path);
  return keys;
}

std::string default_model_name(std::string path) {
  if (const auto hub = parse_hub_name(path); hub && !is_local_path(path)) {
    const std::string name = hub->repository.substr(hub->repository.find('/') + 1);
    return hub->variant.empty() ? name : name + ":" + hub->variant;
  }
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::string name = std::filesystem::path(path).filename();
  if (name.size() > 5 && name.ends_with(".gguf")) name.resize(name.size() - 5);
  return name.empty() ? path : name;
}

}  // namespace braid
