// Bytes between the processes of a job. What is sent arrives in order for each pair of processes and each tag. Nothing
// here waits: requests are begun, then tested. Knows nothing of ranks and worlds.
//
// Implemented by parallel/mpi, a shared object that open_mpi() loads (mpi_module.h), and by the tests' MemoryPort. The
// shared object is built with the program and uses none of its libraries, so this file needs none either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace braid {

using PortRequest = uint64_t;  // one send or receive

struct PortArrival {
  int32_t process = 0;  // that sent
  size_t bytes = 0;
};

// Any thread may call it, but one at a time.
class ProcessPort {
 public:
  static constexpr int32_t kAnyProcess = -1;
  static constexpr int32_t kMaxTag = 32'767;  // as MPI guarantees

  virtual ~ProcessPort() = default;

  virtual int32_t process() const = 0;  // in [0, num_processes())
  virtual int32_t num_processes() const = 0;

  // The memory must stay as it is until test() says that the request is done, or give_up() was called. A receive's
  // message may be shorter than `bytes`, not longer.
  virtual PortRequest send(const void* data, size_t bytes, int32_t to, int32_t tag) = 0;
  virtual PortRequest receive(void* data, size_t bytes, int32_t from, int32_t tag) = 0;

  // Whether the request is done; then it is gone, and `arrival`, if given, says what a receive received.
  virtual bool test(PortRequest request, PortArrival* arrival = nullptr) = 0;

  // Withdraws a receive that nothing has arrived for.
  virtual void cancel(PortRequest request) = 0;

  // From now on all calls do nothing, memory of requests may be freed, and error() is not empty.
  virtual void give_up() = 0;

  // Why the port is of no use any more; empty: it works. After an error no request is ever done.
  virtual const std::string& error() const = 0;

  // The last call, by the thread that opened the port, when all processes have said goodbye: waits for theirs.
  virtual void close() = 0;
};

// What the shared object exports by the name kOpenPortSymbol. Returns null and an error's text if there is no job.
using OpenPort = ProcessPort*(const char** error);
inline constexpr const char* kOpenPortSymbol = "braid_open_port_1";  // another number if this interface changes

}  // namespace braid
