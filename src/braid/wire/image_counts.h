// What a process has done with images: for metrics. Plain data. Tested by process_message_codec_test.cc and
// worker/image_store_test.cc.
#pragma once

#include <cstdint>

namespace braid {

// Since the start, except the first three.
struct ImageCounts {
  int64_t num_entries = 0;  // images with features, or being made
  int64_t num_in_use = 0;   // of these, by requests
  int64_t bytes = 0;        // of features
  uint64_t num_hits = 0;
  uint64_t num_misses = 0;
  uint64_t num_evictions = 0;
  uint64_t num_failures = 0;
  uint64_t num_unshared = 0;    // made while there was not enough memory that can be shared: they travel as bytes
  uint64_t num_broadcasts = 0;  // plans with images for ranks of other processes
  uint64_t num_broadcast = 0;   // images in them
  uint64_t broadcast_bytes = 0;  // of these, sent; what is read from shared memory costs hardly any
  double prepare_seconds = 0;    // threads' time: decode, resize, cut into patches
  double encode_seconds = 0;     // the vision tower

  ImageCounts& operator+=(const ImageCounts& other) {
    num_entries += other.num_entries;
    num_in_use += other.num_in_use;
    bytes += other.bytes;
    num_hits += other.num_hits;
    num_misses += other.num_misses;
    num_evictions += other.num_evictions;
    num_failures += other.num_failures;
    num_unshared += other.num_unshared;
    num_broadcasts += other.num_broadcasts;
    num_broadcast += other.num_broadcast;
    broadcast_bytes += other.broadcast_bytes;
    prepare_seconds += other.prepare_seconds;
    encode_seconds += other.encode_seconds;
    return *this;
  }
  bool operator==(const ImageCounts&) const = default;
};

}  // namespace braid
