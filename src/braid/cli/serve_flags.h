// The flags of `braid serve`, as options of the engine, the transport and the API. Tested by
// tests/e2e/test_server_life.py and tests/e2e/test_bad_input.py.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "braid/base/log_format.h"
#include "braid/base/result.h"
#include "braid/cli/command_line.h"
#include "braid/cli/flags.h"
#include "braid/server/http/server_options.h"
#include "braid/server/service/api_service.h"

namespace braid {

// Where ranks run: as threads of the server, in other processes, on other nodes.
struct ProcessFlags {
  int32_t ranks_per_process = 0;  // 0: all ranks of a node together
  int32_t num_nodes = 0;          // 0: not said
  int32_t node_rank = -1;         // -1: not said
  std::string ranks_on_node;
  std::string node_0_address;
  std::string dist_init_addr;  // node 0's address and port
  int32_t port = 0;            // 0: not said
  std::string cluster_key_file;
  int32_t standby = -1;  // -1: none
  std::string standby_address;
  double standby_after_s = ProcessOptions().standby_after_s;
  bool is_elastic = false;
  double elastic_after_s = -1;  // below 0: not said
};

struct ServeFlags {
  std::string version;                 // of braid; not a flag, like the next
  std::vector<std::string> arguments;  // as they were given: processes with ranks are started with the same
  ModelFlags model;
  std::string host = "127.0.0.1";
  int32_t port = 30000;
  std::string served_model_name;  // empty: made from --model-path
  std::vector<std::string> api_keys;
  std::string api_key_file;
  std::string tls_certificate;
  std::string tls_key;
  std::vector<std::string> allowed_origins;
  int64_t max_queued_requests = 4096;
  int64_t max_unread_requests = ServiceOptions().max_unread_requests;
  double request_timeout_s = 0;
  double drain_timeout_s = 30;
  double health_timeout_s = 20;
  std::string journal;  // its folder; empty: none
  int64_t journal_max_bytes = JournalOptions().max_bytes;
  int64_t journal_max_image_bytes = ServiceOptions().journal_max_image_bytes;
  double journal_keep_s = JournalOptions().keep_s;
  http::Limits transport;
  openai::ProtocolLimits protocol;
  MediaPolicy media;
  std::string tool_call_parser = "auto";
  std::string reasoning_parser = "auto";
  ProcessFlags processes;
  std::string metrics_prefix = "braid";
  std::string log_format = "text";
  bool log_requests = false;

  // These three read the files that flags name. Errors name the flag and its value.
  Result<EngineOptions> engine_options() const;
  Result<http::ServerOptions> server_options() const;  // without those that need handlers
  Result<ServiceOptions> service_options() const;

  JournalOptions journal_options() const;
  std::string model_name() const;
  Json settings() const;  // shown by /get_server_info
  LogFormat format() const { return log_format == "json" ? LogFormat::kJson : LogFormat::kText; }
};

void add_serve_flags(Command command, ServeFlags& flags);

// Checked, with everything that was not said filled in: no ranks on any node if all are threads of this process. Errors
// name the flag.
Result<ProcessOptions> plan_nodes(const ServeFlags& flags, const ParallelLayout& layout);

// Where the other nodes reach node 0: "tcp://HOST:PORT".
Result<std::string> node_0_endpoint(const ProcessFlags& flags);

// One key on each line; blank lines do not count.
Result<std::vector<std::string>> parse_api_keys(std::string_view text, const std::string& path);
// The default name of a model, for clients: the name of its directory, or of its file without ".gguf"; for a name of
// the hub, the part after the organization, without the revision.
std::string default_model_name(std::string path);

}  // namespace braid
