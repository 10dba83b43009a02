#include "braid/parallel/port_ping.h"

#include <cstddef>
#include <thread>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/median.h"
#include "braid/base/spin.h"
#include "braid/parallel/port_tags.h"

namespace braid {
namespace {

constexpr size_t kShortBytes = 8;

class Pinger {
 public:
  Pinger(ProcessPort& port, const PingOptions& options)
      : port_(port), options_(options), until_s_(monotonic_seconds() + options.timeout_s) {}

  Result<PingFigures> measure(int32_t other) {
    PingFigures figures{.process = other};
    TRY(const double short_s, median_trip(other, kShortBytes, options_.repeats));
    TRY(const double long_s, median_trip(other, static_cast<size_t>(options_.long_bytes), options_.long_repeats));
    figures.latency_s = short_s / 2;
    figures.bytes_per_s = static_cast<double>(options_.long_bytes) / (long_s / 2);
    return figures;
  }

  Status answer() {
    TRY_STATUS(return_messages(kShortBytes, options_.repeats));
    return return_messages(static_cast<size_t>(options_.long_bytes), options_.long_repeats);
  }

 private:
  // The first trip warms up.
  Result<double> median_trip(int32_t other, size_t bytes, int32_t repeats) {
    std::vector<std::byte> data(bytes);
    std::vector<double> trips_s;
    for (int32_t i = 0; i <= repeats; ++i) {
      const double start_s = monotonic_seconds();
      TRY_STATUS(wait_for(port_.send(data.data(), bytes, other, kPingTag), other));
      TRY_STATUS(wait_for(port_.receive(data.data(), bytes, other, kPingTag), other));
      if (i > 0) trips_s.push_back(monotonic_seconds() - start_s);
    }
    return median(std::move(trips_s));
  }

  Status return_messages(size_t bytes, int32_t repeats) {
    std::vector<std::byte> data(bytes);
    for (int32_t i = 0; i <= repeats; ++i) {
      TRY_STATUS(wait_for(port_.receive(data.data(), bytes, 0, kPingTag), 0));
      TRY_STATUS(wait_for(port_.send(data.data(), bytes, 0, kPingTag), 0));
    }
    return {};
  }

  // Looks without rest for a while, then gives way to others: processes may share CPUs, and one waits for its turn.
  Status wait_for(PortRequest request, int32_t other) {
    constexpr int kLooks = 2000;
    for (int looks = 0; !port_.test(request); ++looks) {
      if (!port_.error().empty())
        return fail("process {} cannot reach process {}: {}", port_.process(), other, port_.error());
      if (looks < kLooks) {
        pause_briefly();
      } else if (monotonic_seconds() < until_s_) {
        std::this_thread::yield();
      } else {
        port_.give_up();
        return fail("process {} has not answered process {} within {} s", other, port_.process(), options_.timeout_s);
      }
    }
    return {};
  }

  ProcessPort& port_;
  const PingOptions& options_;
  const double until_s_;
};

}  // namespace

Result<std::vector<PingFigures>> ping_processes(ProcessPort& port, const PingOptions& options) {
  Pinger pinger(port, options);
  std::vector<PingFigures> all;
  if (port.process() > 0) {
    TRY_STATUS(pinger.answer());
    return all;
  }
  for (int32_t other = 1; other < port.num_processes(); ++other) {
    TRY(const PingFigures figures, pinger.measure(other));
    all.push_back(figures);
  }
  return all;
}

}  // namespace braid
