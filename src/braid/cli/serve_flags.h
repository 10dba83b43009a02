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

struct ServeFlags {
  std::string version;  // of braid; not a flag
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
  http::Limits transport;
  openai::ProtocolLimits protocol;
  std::string tool_call_parser = "auto";
  std::string reasoning_parser = "auto";
  std::string metrics_prefix = "braid";
  std::string log_format = "text";
  bool log_requests = false;

  // These three read the files that flags name. Errors name the flag and its value.
  Result<EngineOptions> engine_options() const;
  Result<http::ServerOptions> server_options() const;  // without those that need handlers
  Result<ServiceOptions> service_options() const;

  std::string model_name() const;
  Json settings() const;  // shown by /get_server_info
  LogFormat format() const { return log_format == "json" ? LogFormat::kJson : LogFormat::kText; }
};

void add_serve_flags(Command command, ServeFlags& flags);

// One key on each line; blank lines do not count.
Result<std::vector<std::string>> parse_api_keys(std::string_view text, const std::string& path);
// The default name of a model, for clients: the name of its directory, or of its file without ".gguf"; for a name of
// the hub, the part after the organization, without the revision.
std::string default_model_name(std::string path);

}  // namespace braid
