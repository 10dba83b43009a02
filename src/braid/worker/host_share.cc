#include "braid/worker/host_share.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <string_view>
#include <vector>

#include "braid/base/checksum.h"

namespace braid {
namespace {

bool read_number(std::string_view text, int32_t least, int32_t most, int32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= least && number <= most;
}

Result<ProcessOfHost> decode(const std::string& text, size_t process) {
  constexpr int32_t kMostRanks = 1 << 20;
  std::istringstream lines(text);
  std::string isa;
  std::string ranks;
  int32_t isa_number = 0;
  ProcessOfHost decoded;
  std::getline(lines, decoded.host);
  std::getline(lines, decoded.cpus);
  std::getline(lines, isa);
  std::getline(lines, ranks);
  if (!read_number(isa, 0, static_cast<int32_t>(CpuIsa::kAmxBf16), isa_number) ||
      !read_number(ranks, 1, kMostRanks, decoded.num_ranks)) {
    return fail("process {} says nothing sensible of its host", process);
  }
  decoded.isa = static_cast<CpuIsa>(isa_number);
  return decoded;
}

}  // namespace

// A list of CPUs may be long, and is only compared.
std::string encode(const ProcessOfHost& process) {
  return fmt::format("{}\n{:x}\n{}\n{}", process.host, checksum(std::as_bytes(std::span(process.cpus))),
                     static_cast<int>(process.isa), process.num_ranks);
}

Result<HostShare> host_share(std::span<const std::string> all, int32_t process) {
  std::vector<ProcessOfHost> processes;
  for (size_t i = 0; i < all.size(); ++i) {
    TRY(ProcessOfHost decoded, decode(all[i], i));
    processes.push_back(std::move(decoded));
  }
  const auto own_index = static_cast<size_t>(process);
  const ProcessOfHost& own = processes[own_index];
  HostShare share{.isa = own.isa};
  for (size_t i = 0; i < processes.size(); ++i) {
    const ProcessOfHost& other = processes[i];
    share.isa = std::min(share.isa, other.isa);
    if (other.host != own.host) continue;
    share.ranks_on_host += other.num_ranks;
    if (other.cpus != own.cpus) continue;
    share.ranks_on_cpus += other.num_ranks;
    if (i < own_index) share.ranks_before += other.num_ranks;
  }
  return share;
}

}  // namespace braid
