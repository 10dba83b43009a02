#include "braid/cli/model_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include "braid/base/log_levels.h"
#include "braid/base/output_queue.h"
#include "braid/cli/terminal.h"
#include "braid/hub/fetch_model.h"

namespace braid {
namespace {

Status fetch_path(std::string& path, const ModelPathEnvironment& environment, bool needs_weights, bool shows_bar) {
  ProgressBar bar("downloading " + path);
  FetchOptions options{.environment = environment, .needs_weights = needs_weights};
  if (shows_bar) {
    options.on_progress = [&bar](int64_t done, int64_t total) { bar.show(done, total); };
    options.on_notice = [](const std::string& line) { write_within(kLastWritesTime, STDERR_FILENO, line + "\n"); };
  }
  TRY(path, fetch_model(path, options));
  return {};
}

}  // namespace

bool shows_progress(std::string_view log_level) {
  const auto levels = parse_log_levels(log_level);
  return !levels.ok() || levels->general < spdlog::level::err;
}

Status fetch_models(ModelSourceOptions& source, const std::string& log_level) {
  const bool shows_bar = shows_progress(log_level);
  TRY_STATUS(fetch_path(source.model_path, source.environment, true, shows_bar));
  return fetch_path(source.tokenizer_path, source.environment, false, shows_bar);
}

Status fetch_text_files(ModelSourceOptions& source) {
  TRY_STATUS(fetch_path(source.model_path, source.environment, false, true));
  return fetch_path(source.tokenizer_path, source.environment, false, true);
}

}  // namespace braid
