#include "braid/cli/ping_command.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "braid/cli/commands.h"
#include "braid/cli/rank_command.h"
#include "braid/formats/json.h"
#include "braid/parallel/mpi_module.h"

namespace braid {
namespace {

constexpr double kJoin_s = 60;

Status write_report(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file ? Status() : fail("{}: cannot be written", path);
}

}  // namespace

std::string ping_report(const std::vector<PingFigures>& figures) {
  Json all = Json::array();
  for (const PingFigures& one : figures) {
    all.push_back({{"process", one.process}, {"latency_s", one.latency_s}, {"bytes_per_s", one.bytes_per_s}});
  }
  return all.dump();
}

Result<std::vector<PingFigures>> read_ping_report(const std::string& text) {
  TRY(const Json all, parse_json(text));
  std::vector<PingFigures> figures;
  if (!all.is_array()) return fail("is no report of braid ping");
  for (const Json& one : all) {
    if (!one.is_object() || !one.value("process", Json()).is_number_integer() ||
        !one.value("latency_s", Json()).is_number() || !one.value("bytes_per_s", Json()).is_number()) {
      return fail("is no report of braid ping: {}", one.dump());
    }
    figures.push_back({.process = one["process"], .latency_s = one["latency_s"], .bytes_per_s = one["bytes_per_s"]});
  }
  return figures;
}

Status run_ping(const std::string& out) {
  keep_shared_memory_in(std::getenv("TMPDIR"));
  TRY(const auto port, open_mpi(mpi_module_path(), kJoin_s));
  if (port->num_processes() < 2) return fail("a job of one process: start several, as with mpirun -n 2 braid ping");
  TRY(const std::vector<PingFigures> figures, ping_processes(*port, {}));
  if (port->process() > 0) return {};
  if (!out.empty()) return write_report(out, ping_report(figures));
  for (const PingFigures& one : figures) {
    fmt::print("process {}: {:.1f} us, {:.2f} GB/s\n", one.process, one.latency_s * 1e6, one.bytes_per_s * 1e-9);
  }
  return {};
}

void add_ping_command(Command app, CommandRunner& runner) {
  auto out = std::make_shared<std::string>();
  const Command command =
      app.add_command("ping", "Latency and bandwidth from the first process of an MPI job to the others (mpirun -n 2)");
  command.add_option("--out", *out, "Write the figures to this file, as JSON").type_name("FILE");
  runner.on(command, [out] { return run_ping(*out); });
}

}  // namespace braid
