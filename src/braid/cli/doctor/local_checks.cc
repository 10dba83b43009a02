// The checks of one node by itself. Tested by tests/e2e/test_doctor.py.
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "braid/api/text_model.h"
#include "braid/base/system_info.h"
#include "braid/cli/doctor/checks.h"
#include "braid/cli/model_files.h"
#include "braid/server/http/open_files.h"
#include "braid/weights/checkpoint_fingerprint.h"
#include "braid/worker/process_ranks.h"

namespace braid {
namespace {

// Tries it, as the server does.
Status can_listen(const std::string& host, int32_t port) {
  addrinfo wanted{};
  wanted.ai_flags = AI_PASSIVE;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error =
          getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &wanted, &found);
      error != 0) {
    return fail("{}: {}", host, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, freeaddrinfo);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const int file = socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
    if (file < 0) continue;  // a family that this machine lacks
    const int yes = 1;
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    const bool is_free = bind(file, one->ai_addr, one->ai_addrlen) == 0 && listen(file, 1) == 0;
    const int error = errno;
    close(file);
    if (!is_free) return fail("{}:{}: {}", host.empty() ? "*" : host, port, std::strerror(error));
  }
  return {};
}

Result<Checkpoint> open_model(DoctorCase& doctor) {
  TRY_STATUS(fetch_models(doctor.engine.source, doctor.flags.model.log_level));
  TRY(Checkpoint checkpoint, open_checkpoint(doctor.engine.source));
  TRY_STATUS(check_rank_options(doctor.engine.rank, checkpoint.config()));
  return checkpoint;
}

}  // namespace

std::string DoctorCase::name_of(int32_t node) const {
  return node == this->node() ? fmt::format("node {} (this one, {})", node, host_name()) : fmt::format("node {}", node);
}

std::optional<Checkpoint> check_model(DoctorCase& doctor, DoctorReport& report) {
  auto checkpoint = open_model(doctor);
  auto fingerprint = checkpoint.ok() ? checkpoint_fingerprint(*checkpoint) : Result<std::string>(checkpoint.error());
  if (!fingerprint.ok()) {
    report.fail("model", fingerprint.error().message, "braid inspect PATH lists every problem of a checkpoint");
    return std::nullopt;
  }
  report.pass("model", fmt::format("{}: checkpoint {}, braid {}", doctor.flags.model.model_path, *fingerprint,
                                   doctor.flags.version));
  return std::move(checkpoint).value();
}

void check_instructions(const DoctorCase& doctor, DoctorReport& report) {
  report.pass("instructions", fmt::format("{}, {} cores, {:.1f} GB of memory", isa_name(doctor.isa()),
                                          available_cores(), static_cast<double>(available_memory_bytes()) * 1e-9));
}

void check_open_files(const DoctorCase& doctor, DoctorReport& report) {
  const size_t wanted = http::wanted_open_files(doctor.flags.transport.max_connections);
  const size_t most = http::most_open_files();
  if (most >= wanted) {
    report.pass("open files", fmt::format("{} are needed, and allowed", wanted));
  } else {
    report.fail(
        "open files",
        fmt::format("{} connections need {}, {} are allowed", doctor.flags.transport.max_connections, wanted, most),
        "ulimit -Hn, LimitNOFILE= or a smaller --max-connections");
  }
}

void check_ports(const DoctorCase& doctor, DoctorReport& report) {
  if (doctor.node() > 0) {
    report.pass("ports", "clients and nodes come to node 0");
    return;
  }
  const bool has_nodes = doctor.num_nodes() > 1;
  Status free = can_listen(doctor.flags.host, doctor.flags.port);
  if (free.ok() && has_nodes) free = can_listen("", doctor.engine.processes.port);
  if (!free.ok()) {
    report.fail("ports", free.error().message, "end what listens there, or take another --port or --coordinator-port");
    return;
  }
  report.pass("ports", has_nodes ? fmt::format("{} for clients and {} for nodes are free", doctor.flags.port,
                                               doctor.engine.processes.port)
                                 : fmt::format("{} for clients is free", doctor.flags.port));
}

std::optional<ClusterKey> check_key(const DoctorCase& doctor, DoctorReport& report) {
  const std::string& path = doctor.engine.processes.cluster_key_file;
  if (path.empty()) {
    report.pass("key", "one node needs none");
    return std::nullopt;
  }
  auto key = read_cluster_key(path);
  if (!key.ok()) {
    report.fail("key", key.error().message, fmt::format("braid keygen {} on one node, copied to all", path));
    return std::nullopt;
  }
  report.pass("key", path);
  return std::move(key).value();
}

}  // namespace braid
