#include "braid/cli/doctor/doctor_command.h"

#include <unistd.h>

#include <string_view>
#include <utility>

#include "braid/api/remote_ranks.h"
#include "braid/cli/commands.h"
#include "braid/cli/doctor/checks.h"
#include "braid/cli/flag_values.h"

namespace braid {
namespace {

constexpr std::string_view kWaitFlag = "--wait-for-nodes";

void check_other_node(const DoctorCase& doctor, const std::string& identity, DoctorReport& report) {
  const auto key = check_key(doctor, report);
  if (!key || !report.has_passed()) {
    report.not_tried("node 0", "this node must pass");
    return;
  }
  check_node_0(doctor, *key, identity, report);
}

// What needs other nodes. Node 0's meeting ends before its ranks start, which have the same port.
bool check_between_nodes(const DoctorCase& doctor, const std::string& identity, DoctorReport& report) {
  const auto key = check_key(doctor, report);
  if (doctor.num_nodes() == 1) return check_mpi(doctor, report);
  if (!key || !report.has_passed()) {
    report.not_tried("nodes", "this node must pass");
    return false;
  }
  const auto meeting = check_nodes(doctor, *key, identity, report);
  if (meeting == nullptr) {
    report.not_tried("mpi", "all nodes must be there");
    return false;
  }
  const bool can_start = check_mpi(doctor, report);
  if (!can_start) meeting->refuse_all("MPI does not start: its report says why");
  return can_start;
}

}  // namespace

std::vector<std::string> arguments_of_ranks(const std::vector<std::string>& arguments) {
  std::vector<std::string> kept;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == kWaitFlag) {
      ++i;  // its value
    } else if (!arguments[i].starts_with(std::string(kWaitFlag) + "=")) {
      kept.push_back(arguments[i]);
    }
  }
  return kept;
}

Result<int> run_doctor(const DoctorFlags& flags) {
  TRY(const LogLevels levels, parse_log_levels(flags.serve.model.log_level));
  DoctorCase doctor{.flags = flags.serve,
                    .engine = {},
                    .wait_s = flags.wait_s,
                    .logger = make_logger(STDERR_FILENO, levels, flags.serve.format())};
  TRY(doctor.engine, flags.serve.engine_options());
  DoctorReport report(stdout);
  const std::optional<Checkpoint> checkpoint = check_model(doctor, report);
  check_instructions(doctor, report);
  check_open_files(doctor, report);
  check_ports(doctor, report);
  if (!checkpoint) {
    static_cast<void>(check_key(doctor, report));
    report.not_tried("tokens", "the model must be there");
    return report.exit_code();
  }
  const ProcessOptions& own = doctor.engine.processes;
  TRY(const std::string identity,
      cluster_identity(own.version, *checkpoint, doctor.engine.rank, own.ranks_on_node, own.standby));
  if (doctor.node() > 0) {
    check_other_node(doctor, identity, report);
  } else if (check_between_nodes(doctor, identity, report)) {
    check_tokens(doctor, report);
  } else {
    report.not_tried("tokens", "all of the above must pass");
  }
  doctor.logger->flush();
  return report.exit_code();
}

void add_doctor_command(Command app, CommandRunner& runner, const std::string& version,
                        std::vector<std::string> arguments) {
  auto flags = std::make_shared<DoctorFlags>();
  flags->serve.version = version;
  flags->serve.arguments = arguments_of_ranks(arguments);
  flags->serve.model.log_level = "warning";
  const Command command = app.add_command(
      "doctor", "Check on every node, with the flags of `braid serve`, that it can serve there: a line for each check");
  add_serve_flags(command, flags->serve);
  command.add_option(std::string(kWaitFlag), flags->wait_s, "Seconds to wait for other nodes")
      .check(number_above(0, 86400))
      .show_default()
      .group("Processes and nodes");
  runner.on_code(command, [flags, command] {
    if (!command.has("--log-level")) {
      flags->serve.arguments.insert(flags->serve.arguments.end(), {"--log-level", flags->serve.model.log_level});
    }
    return run_doctor(*flags);
  });
}

}  // namespace braid
