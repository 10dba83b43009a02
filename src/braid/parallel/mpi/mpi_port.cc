// The processes of an MPI job, over MPI's nonblocking calls. The only file that knows MPI: it becomes a shared object
// of its own (cmake/braid_mpi.cmake), which a program loads when it needs it. Tested by tests/e2e/test_mpi.py.
#include <mpi.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <string>
#include <vector>

#include "braid/parallel/process_port.h"

namespace braid {
namespace {

std::string text_of(int error) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(error, text, &length);
  return {text, static_cast<size_t>(length)};
}

class MpiPort final : public ProcessPort {
 public:
  MpiPort() {
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    check(MPI_Comm_rank(MPI_COMM_WORLD, &process_), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &num_processes_), "MPI_Comm_size");
  }

  int32_t process() const override { return process_; }
  int32_t num_processes() const override { return num_processes_; }

  PortRequest send(const void* data, size_t bytes, int32_t to, int32_t tag) override {
    return begin(bytes, [&](size_t from, int count, MPI_Request* request) {
      check(MPI_Isend(static_cast<const char*>(data) + from, count, MPI_BYTE, to, tag, MPI_COMM_WORLD, request),
            "MPI_Isend");
    });
  }

  PortRequest receive(void* data, size_t bytes, int32_t from, int32_t tag) override {
    const int source = from == kAnyProcess ? MPI_ANY_SOURCE : from;
    return begin(bytes, [&](size_t at, int count, MPI_Request* request) {
      check(MPI_Irecv(static_cast<char*>(data) + at, count, MPI_BYTE, source, tag, MPI_COMM_WORLD, request),
            "MPI_Irecv");
    });
  }

  bool test(PortRequest request, PortArrival* arrival) override {
    if (!error_.empty()) return false;
    Pieces& pieces = requests_[request];
    while (pieces.num_done < pieces.requests.size()) {
      int is_done = 0;
      MPI_Status status = {};
      if (!check(MPI_Test(&pieces.requests[pieces.num_done], &is_done, &status), "MPI_Test")) return false;
      if (is_done == 0) return false;
      int count = 0;
      MPI_Get_count(&status, MPI_BYTE, &count);
      pieces.arrival.process = status.MPI_SOURCE;
      pieces.arrival.bytes += static_cast<size_t>(count);
      ++pieces.num_done;
    }
    if (arrival != nullptr) *arrival = pieces.arrival;
    release(request);
    return true;
  }

  void cancel(PortRequest request) override {
    if (!error_.empty()) return;
    for (MPI_Request& one : requests_[request].requests) {
      if (one == MPI_REQUEST_NULL) continue;
      // A receive that nothing matches is withdrawn at once, so the wait is none.
      if (check(MPI_Cancel(&one), "MPI_Cancel")) check(MPI_Wait(&one, MPI_STATUS_IGNORE), "MPI_Wait");
    }
    release(request);
  }

  void give_up() override {
    if (error_.empty()) error_ = "given up";
  }

  const std::string& error() const override { return error_; }

  void close() override {
    if (error_.empty()) MPI_Finalize();
  }

 private:
  // MPI counts with int, so that longer messages go in pieces. They keep their order.
  static constexpr size_t kMaxPiece = size_t{64} << 20;
  static_assert(kMaxPiece <= INT_MAX);

  struct Pieces {
    std::vector<MPI_Request> requests;
    size_t num_done = 0;
    PortArrival arrival;
  };

  template <typename Begin>
  PortRequest begin(size_t bytes, const Begin& begin_piece) {
    if (!error_.empty()) return 0;
    if (unused_.empty()) {
      unused_.push_back(requests_.size());
      requests_.emplace_back();
    }
    const PortRequest number = unused_.back();
    unused_.pop_back();
    std::vector<MPI_Request>& requests = requests_[number].requests;
    size_t at = 0;
    do {
      const size_t piece = std::min(bytes - at, kMaxPiece);
      requests.push_back(MPI_REQUEST_NULL);
      begin_piece(at, static_cast<int>(piece), &requests.back());
      at += piece;
    } while (at < bytes);
    return number;
  }

  void release(PortRequest request) {
    requests_[request].requests.clear();
    requests_[request].num_done = 0;
    requests_[request].arrival = {};
    unused_.push_back(request);
  }

  bool check(int code, const char* call) {
    if (code == MPI_SUCCESS) return true;
    if (error_.empty()) error_ = std::string(call) + ": " + text_of(code);
    return false;
  }

  int process_ = 0;
  int num_processes_ = 1;
  std::vector<Pieces> requests_;
  std::vector<PortRequest> unused_;  // places in requests_
  std::string error_;
};

}  // namespace
}  // namespace braid

extern "C" __attribute__((visibility("default"))) braid::ProcessPort* braid_open_port_1(const char** error) {
  int provided = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS) {
    *error = "MPI_Init_thread failed";
    return nullptr;
  }
  if (provided < MPI_THREAD_SERIALIZED) {
    *error = "this MPI allows calls of one thread alone (MPI_THREAD_SERIALIZED is needed)";
    return nullptr;
  }
  return std::make_unique<braid::MpiPort>().release();
}
