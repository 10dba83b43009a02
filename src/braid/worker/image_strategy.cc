#include "braid/worker/image_strategy.h"

#include <algorithm>
#include <cmath>

#include "braid/base/check.h"

namespace braid {

int32_t ImageProcesses::num_far() const {
  return static_cast<int32_t>(std::ranges::count_if(hosts, [&](int32_t host) { return host != hosts.front(); }));
}

int32_t ImageProcesses::num_hosts() const {
  return std::ranges::max(hosts) + 1;
}

int32_t ImageProcesses::most_on_a_host() const {
  int64_t most = 0;
  for (int32_t host = 0; host < num_hosts(); ++host) most = std::max<int64_t>(most, std::ranges::count(hosts, host));
  return static_cast<int32_t>(most);
}

// The threads that make images use all cores of their host, so processes of one host make them no faster together than
// one of them. To memory that is shared, features travel in no time.
double predicted_seconds(MmStrategy strategy, int64_t count, const ImageCosts& costs, const ImageProcesses& processes) {
  const auto images = static_cast<double>(count);
  const double far = processes.num_far();
  const double make_s = images * costs.make_s;
  const double raw_s = images * far * static_cast<double>(costs.raw_bytes) / processes.bytes_per_s;
  const double features_s = images * far * static_cast<double>(costs.feature_bytes) / processes.bytes_per_s;
  switch (strategy) {
    case MmStrategy::kLocal:
      return processes.message_s + raw_s + make_s * processes.most_on_a_host();
    case MmStrategy::kPerRequest:
      return images * processes.message_s + features_s + make_s;
    case MmStrategy::kBatch:
      return processes.message_s + features_s + make_s;
    case MmStrategy::kSharded: {
      const double hosts = processes.num_hosts();
      return 2 * processes.message_s + raw_s + features_s / hosts + std::ceil(images / hosts) * costs.make_s;
    }
  }
  CHECK(false, "no strategy {}", static_cast<int>(strategy));
}

MmStrategy choose_strategy(const MmBroadcastOptions& options, int64_t count, const ImageCosts& costs,
                           const ImageProcesses& processes) {
  if (options.strategy) return *options.strategy;
  const int32_t batch_min = options.batch_min > 0 ? options.batch_min : kLeastWorthBatching;
  const MmStrategy at_publisher = count >= batch_min ? MmStrategy::kBatch : MmStrategy::kPerRequest;
  if (processes.share_tower) return at_publisher;
  MmStrategy best = at_publisher;
  for (const MmStrategy other : {MmStrategy::kSharded, MmStrategy::kLocal}) {
    if (predicted_seconds(other, count, costs, processes) < predicted_seconds(best, count, costs, processes)) {
      best = other;
    }
  }
  return best;
}

}  // namespace braid
