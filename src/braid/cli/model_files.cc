#include "braid/cli/model_files.h"

#include <fmt/format.h>

#include <cstdio>

#include "braid/cli/terminal.h"
#include "braid/hub/fetch_model.h"

namespace braid {
namespace {

Status fetch_path(std::string& path, const ModelPathEnvironment& environment, bool needs_weights, bool is_quiet) {
  ProgressBar bar("downloading " + path);
  FetchOptions options{.environment = environment, .needs_weights = needs_weights};
  if (!is_quiet) {
    options.on_progress = [&bar](int64_t done, int64_t total) { bar.show(done, total); };
    options.on_notice = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  }
  TRY(path, fetch_model(path, options));
  return {};
}

}  // namespace

Status fetch_models(ModelSourceOptions& source, const std::string& log_level) {
  const bool is_quiet = log_level == "error" || log_level == "off";
  TRY_STATUS(fetch_path(source.model_path, source.environment, true, is_quiet));
  return fetch_path(source.tokenizer_path, source.environment, false, is_quiet);
}

Status fetch_text_files(ModelSourceOptions& source) {
  TRY_STATUS(fetch_path(source.model_path, source.environment, false, false));
  return fetch_path(source.tokenizer_path, source.environment, false, false);
}

}  // namespace braid
