// braid logits: the raw logits of every token of a prompt, as a NumPy file. Tested by tests/e2e/test_logits.py.
#include <ostream>
#include <utility>

#include "braid/api/prompt_logits.h"
#include "braid/cli/commands.h"
#include "braid/cli/flag_values.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"
#include "braid/cli/output_file.h"

namespace braid {
namespace {

struct LogitsFlags {
  ModelFlags model;
  std::string input_ids;
  std::string output;
};

// NumPy's .npy, version 1.0: float32 [rows, cols], row-major.
void write_npy_header(std::ostream& out, int64_t rows, int64_t cols) {
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  constexpr size_t kPreamble = 10;  // magic, version, header length
  const size_t padded = (kPreamble + header.size() + 1 + 63) / 64 * 64;
  header.append(padded - kPreamble - header.size() - 1, ' ');
  header += '\n';
  out << "\x93NUMPY" << '\x01' << '\0' << static_cast<char>(header.size() & 0xff)
      << static_cast<char>(header.size() >> 8) << header;
}

Status run(const LogitsFlags& flags) {
  TRY(EngineOptions options, flags.model.engine_options());
  TRY_STATUS(fetch_models(options.source, flags.model.log_level));
  TRY(const std::vector<TokenId> ids, parse_token_ids("--input-ids", flags.input_ids));
  TRY(OutputFile file, OutputFile::create("--output", flags.output));
  std::ostream& out = file.stream();
  int64_t rows_written = 0;
  const auto write_row = [&](int64_t, std::span<const float> logits) {
    if (rows_written++ == 0) {
      write_npy_header(out, static_cast<int64_t>(ids.size()), static_cast<int64_t>(logits.size()));
    }
    out.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(logits.size_bytes()));
  };
  TRY_STATUS(prompt_logits(options, ids, make_stderr_logger(flags.model.log_level), write_row));
  return file.commit();
}

}  // namespace

void add_logits_command(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<LogitsFlags>();
  const Command command = app.add_command("logits", "Write the logits of each token of a prompt as a .npy file");
  flags->model.log_level = "warning";
  add_model_flag(command, flags->model);
  add_rank_flags(command, flags->model);
  add_layout_flags(command, flags->model);
  command.add_option("--input-ids", flags->input_ids, "Token ids: 1,2,3").required().type_name("IDS");
  command.add_option("--output", flags->output, "The file: float32 [tokens, vocabulary]").required().type_name("FILE");
  runner.on(command, [flags] { return run(*flags); });
}

}  // namespace braid
