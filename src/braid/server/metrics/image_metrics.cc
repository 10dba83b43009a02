#include "braid/server/metrics/image_metrics.h"

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
  counter("mm_broadcasts_total", "Messages with images to ranks of other processes.", images.num_broadcasts);
  counter("mm_broadcast_images_total", "Images in these messages.", images.num_broadcast);
  counter("mm_broadcast_bytes_total", "Bytes of these messages; what is read from shared memory is not in them.",
          images.broadcast_bytes);
  counter("mm_fallbacks_total", "Images that travel as bytes, because memory that can be shared was short.",
          images.num_unshared);
}

}  // namespace braid::metrics
