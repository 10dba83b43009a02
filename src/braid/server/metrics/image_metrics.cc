#include "braid/server/metrics/image_metrics.h"

#include <string>
#include <utility>
#include <vector>

#include "braid/server/metrics/histogram.h"

namespace braid::metrics {

void render_images(const ImageCounts& images, Exposition& out) {
  const auto gauge = [&](const char* name, const char* help, auto value) {
    out.gauge(name, help, static_cast<double>(value));
  };
  const auto counter = [&](const char* name, const char* help, auto value) {
    out.counter(name, help, static_cast<double>(value));
  };
  gauge("mm_cache_entries", "Images whose features are kept or being made.", images.num_entries);
  gauge("mm_cache_entries_in_use", "Of these, images of requests that have not ended.", images.num_in_use);
  gauge("mm_cache_bytes", "Memory of images' features.", images.bytes);
  counter("mm_cache_hits_total", "Images that requests brought and that were there, or being made.", images.num_hits);
  counter("mm_cache_misses_total", "Images that requests brought and that had to be made.", images.num_misses);
  counter("mm_cache_evictions_total", "Images that gave way to others.", images.num_evictions);
  counter("mm_failures_total", "Images that could not be made.", images.num_failures);
  counter("mm_prepare_seconds_total", "Threads' time for decoding, resizing and cutting images.",
          images.prepare_seconds);
  counter("mm_encode_seconds_total", "Time of the vision tower.", images.encode_seconds);
  const auto by_strategy = [&](const char* name, const char* help, auto member) {
    std::vector<std::pair<std::string, double>> values;
    for (size_t i = 0; i < kNumMmStrategies; ++i) {
      values.emplace_back(kMmStrategyNames[i], static_cast<double>(images.broadcasts[i].*member));
    }
    out.counter_by_label(name, help, "strategy", values);
  };
  by_strategy("mm_broadcasts_total", "Messages with images to ranks of other processes.",
              &BroadcastCounts::num_messages);
  by_strategy("mm_broadcast_images_total", "Images in these messages.", &BroadcastCounts::num_images);
  by_strategy("mm_broadcast_bytes_total", "Bytes of these messages; what is read from shared memory is not in them.",
              &BroadcastCounts::bytes);
  by_strategy("mm_broadcast_seconds_total", "Time of the ranks that send and take these messages.",
              &BroadcastCounts::seconds);
  uint64_t num_images = 0;
  for (const BroadcastCounts& counts : images.broadcasts) num_images += counts.num_images;
  out.histogram("mm_broadcast_batch_size", "Images in one message.",
                Histogram({kBatchSizeBounds.begin(), kBatchSizeBounds.end()},
                          {images.batch_sizes.begin(), images.batch_sizes.end()}, static_cast<double>(num_images)));
  out.counter_by_label(
      "mm_fallbacks_total",
      "Images that came another way than they should: as bytes, because memory that can be shared was "
      "short, or made by every process, because making or sending them failed.",
      "to",
      std::vector<std::pair<std::string, double>>{{"bytes", static_cast<double>(images.num_unshared)},
                                                  {"local", static_cast<double>(images.num_fallbacks)}});
}

}  // namespace braid::metrics
