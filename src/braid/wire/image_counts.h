// What a process has done with images: for metrics. Plain data. Tested by process_message_codec_test.cc and
// worker/image_store_test.cc.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "braid/wire/mm_strategy.h"

namespace braid {

// Messages with images to other processes, by one strategy.
struct BroadcastCounts {
  uint64_t num_messages = 0;
  uint64_t num_images = 0;
  uint64_t bytes = 0;  // of the messages; what is read from shared memory is not in them
  double seconds = 0;  // of the ranks that send and take them

  BroadcastCounts& operator+=(const BroadcastCounts& other) {
    num_messages += other.num_messages;
    num_images += other.num_images;
    bytes += other.bytes;
    seconds += other.seconds;
    return *this;
  }
  bool operator==(const BroadcastCounts&) const = default;
};

// Messages of at most so many images, and of more.
inline constexpr std::array<int64_t, 7> kBatchSizeBounds = {1, 2, 5, 10, 20, 50, 100};
using BatchSizeCounts = std::array<uint64_t, kBatchSizeBounds.size() + 1>;

// Since the start, except the first three.
struct ImageCounts {
  int64_t num_entries = 0;  // images with features, or being made
  int64_t num_in_use = 0;   // of these, by requests
  int64_t bytes = 0;        // of features
  uint64_t num_hits = 0;
  uint64_t num_misses = 0;
  uint64_t num_evictions = 0;
  uint64_t num_failures = 0;
  uint64_t num_unshared = 0;   // travel as bytes, because memory that can be shared was short, or could not be opened
  uint64_t num_fallbacks = 0;  // could not be made, or sent, as chosen: every process makes them itself
  double prepare_seconds = 0;  // threads' time: decode, resize, cut into patches
  double encode_seconds = 0;   // the vision tower
  std::array<BroadcastCounts, kNumMmStrategies> broadcasts = {};
  BatchSizeCounts batch_sizes = {};

  void count_batch(int64_t num_images) {
    ++batch_sizes[static_cast<size_t>(std::ranges::lower_bound(kBatchSizeBounds, num_images) -
                                      kBatchSizeBounds.begin())];
  }
  ImageCounts& operator+=(const ImageCounts& other) {
    num_entries += other.num_entries;
    num_in_use += other.num_in_use;
    bytes += other.bytes;
    num_hits += other.num_hits;
    num_misses += other.num_misses;
    num_evictions += other.num_evictions;
    num_failures += other.num_failures;
    num_unshared += other.num_unshared;
    num_fallbacks += other.num_fallbacks;
    prepare_seconds += other.prepare_seconds;
    encode_seconds += other.encode_seconds;
    for (size_t i = 0; i < broadcasts.size(); ++i) broadcasts[i] += other.broadcasts[i];
    for (size_t i = 0; i < batch_sizes.size(); ++i) batch_sizes[i] += other.batch_sizes[i];
    return *this;
  }
  bool operator==(const ImageCounts&) const = default;
};

}  // namespace braid
