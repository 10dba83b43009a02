// Which way images of a group go to its ranks in other processes: --mm-broadcast auto. A pure function of counts and
// costs; the publisher calls it and stamps the result on what it sends. Tested by image_strategy_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "braid/wire/mm_strategy.h"

namespace braid {

struct MmBroadcastOptions {
  std::optional<MmStrategy> strategy = {};  // absent: auto
  int32_t batch_min = 0;                    // images from which auto sends one message for all; 0: auto
};

// A message more costs something, however little, and a batch waits for nothing: so two images are worth a batch.
inline constexpr int32_t kLeastWorthBatching = 2;

// The group's processes, as its publisher sees them.
struct ImageProcesses {
  std::vector<int32_t> hosts = {0};  // of each process, from 0: those of one host share its cores and memory
  double message_s = 0;              // to another host and into its process, measured at the start
  double bytes_per_s = 1e9;
  // They encode images together (joint_tower.h), so that none makes one alone. All are made for the publisher's
  // process, and what fails there is tried there once more.
  bool share_tower = false;

  int32_t num_far() const;  // that cannot open the publisher's memory
  int32_t num_hosts() const;
  int32_t most_on_a_host() const;
};

// Averages of images that are to be made.
struct ImageCosts {
  double make_s = 0;  // by all cores of a host; 0: not known yet
  int64_t raw_bytes = 0;
  int64_t feature_bytes = 0;
};

// Seconds until all processes have `count` images.
double predicted_seconds(MmStrategy strategy, int64_t count, const ImageCosts& costs, const ImageProcesses& processes);

// The fastest; equal ones by the least work, then by the fewest messages.
MmStrategy choose_strategy(const MmBroadcastOptions& options, int64_t count, const ImageCosts& costs,
                           const ImageProcesses& processes);

}  // namespace braid
