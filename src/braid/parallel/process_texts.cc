#include "braid/parallel/process_texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "braid/base/clock.h"
#include "braid/parallel/port_tags.h"

namespace braid {

Result<std::vector<std::string>> gather_texts(ProcessPort& port, std::string_view own, std::string_view done,
                                              double timeout_s) {
  if (own.size() > kMaxProcessText) return fail("what names this process is too long: {} bytes", own.size());
  std::vector<std::string> texts(static_cast<size_t>(port.num_processes()));
  std::vector<PortRequest> sends;
  std::vector<std::pair<int32_t, PortRequest>> missing;
  for (int32_t other = 0; other < port.num_processes(); ++other) {
    std::string& theirs = texts[static_cast<size_t>(other)];
    if (other == port.process()) {
      theirs = own;
      continue;
    }
    theirs.resize(kMaxProcessText);
    missing.emplace_back(other, port.receive(theirs.data(), theirs.size(), other, kHelloTag));
    sends.push_back(port.send(own.data(), own.size(), other, kHelloTag));
  }
  const double until_s = monotonic_seconds() + timeout_s;
  for (;;) {
    std::erase_if(missing, [&](const auto& one) {
      PortArrival arrival;
      if (!port.test(one.second, &arrival)) return false;
      texts[static_cast<size_t>(one.first)].resize(arrival.bytes);
      return true;
    });
    std::erase_if(sends, [&](PortRequest send) { return port.test(send); });
    if (!port.error().empty()) return fail("process {}: {}", port.process(), port.error());
    if (missing.empty() && sends.empty()) return texts;
    if (monotonic_seconds() > until_s) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  port.give_up();
  std::vector<int32_t> names;
  for (const auto& [process, request] : missing) names.push_back(process);
  return fail("process {} of {} has not {} within {} s", fmt::join(names, ", "), port.num_processes(), done, timeout_s);
}

}  // namespace braid
