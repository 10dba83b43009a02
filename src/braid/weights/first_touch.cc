#include "braid/weights/first_touch.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/index_range.h"

namespace braid {
namespace {

constexpr int64_t kPageBytes = 4096;

std::vector<RankCpus> domains_of(std::span<const RankCpus> places) {
  std::vector<RankCpus> domains;
  for (const RankCpus& place : places) {
    if (place.domain < 0 || place.cpus.empty()) continue;
    auto found = std::ranges::find(domains, place.domain, &RankCpus::domain);
    if (found == domains.end()) found = domains.insert(domains.end(), {.domain = place.domain, .cpus = {}});
    found->cpus.insert(found->cpus.end(), place.cpus.begin(), place.cpus.end());
  }
  return domains;
}

// Writes to each page, including one that the bytes begin in the middle of.
void touch_pages(std::span<std::byte> bytes, int part, int num_parts) {
  const auto size = static_cast<int64_t>(bytes.size());
  const IndexRange own = split_evenly(size, part, num_parts, kPageBytes);
  for (int64_t at = own.begin; at < own.end; at += kPageBytes) {
    *const_cast<volatile std::byte*>(&bytes[static_cast<size_t>(at)]) = std::byte{0};
  }
}

}  // namespace

FirstTouch::FirstTouch(ThreadTeam& team, std::vector<RankCpus> domains)
    : team_(team), domains_(std::move(domains)), bound_to_(static_cast<size_t>(team.size())) {}

Result<std::unique_ptr<FirstTouch>> FirstTouch::make(ThreadTeam& team, std::span<const RankCpus> places) {
  cpu_set_t now;
  // On a machine with more CPUs than a cpu_set_t holds, threads stay unbound and memory lies anywhere.
  const bool can_return = sched_getaffinity(0, sizeof(now), &now) == 0;
  auto made =
      std::unique_ptr<FirstTouch>(new FirstTouch(team, can_return ? domains_of(places) : std::vector<RankCpus>()));
  if (made->domains_.empty()) return made;
  made->before_ = now;
  std::vector<Status> bound(static_cast<size_t>(team.size()));
  team.run([&](int thread) {
    const auto index = static_cast<size_t>(thread);
    bound[index] = made->bind(thread, index % made->domains_.size());
  });
  for (const Status& status : bound) TRY_STATUS(Status(status));
  return made;
}

// The calling thread is one of the team's and continues afterwards, so its affinity is restored too.
FirstTouch::~FirstTouch() {
  if (domains_.empty()) return;
  team_.run([&](int) { sched_setaffinity(0, sizeof(cpu_set_t), &before_); });
}

Status FirstTouch::bind(int thread, size_t domain) {
  bound_to_[static_cast<size_t>(thread)] = domain;
  return bind_this_thread(domains_[domain]);
}

void FirstTouch::touch(std::span<const UntouchedMemory> memory) {
  if (domains_.empty()) return;
  const auto num_domains = static_cast<int>(domains_.size());
  team_.run([&](int thread) {
    // With enough threads each visits one domain, and shares it with the other threads of that domain.
    for (int domain = thread % num_domains; domain < num_domains; domain += team_.size()) {
      const int num_sharing = (team_.size() - domain - 1) / num_domains + 1;
      const bool is_shared = team_.size() > num_domains;
      const auto index = static_cast<size_t>(domain);
      if (bound_to_[static_cast<size_t>(thread)] != index) CHECK(bind(thread, index).ok());
      for (const UntouchedMemory& one : memory) {
        if (one.domain != domains_[index].domain) continue;
        touch_pages(one.bytes, is_shared ? thread / num_domains : 0, is_shared ? num_sharing : 1);
      }
    }
  });
}

}  // namespace braid
