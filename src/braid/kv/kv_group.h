// Layers with the same attention window form a KV group: they see the same positions, so they share a page table and a
// pool of pages. Here: which layer is in which KV group, and the arithmetic of windows in pages. Pure.
//
// A query at position p sees the keys at (p - window, p]; window 0: at [0, p].
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace braid {

// One KV group's share of a rank's cache.
struct KvGroupPool {
  int32_t window = 0;     // 0: its layers see all positions
  int32_t num_pages = 0;  // of this KV group

  bool operator==(const KvGroupPool&) const = default;
};

// The KV groups of a model's layers, widest window first. Layers that see all positions, if any, come first.
struct KvGroups {
  // `layer_windows`: one for each layer; empty: `num_layers` layers that see all positions.
  KvGroups(std::span<const int32_t> layer_windows, int32_t num_layers);

  int32_t count() const { return static_cast<int32_t>(windows.size()); }

  std::vector<int32_t> windows;     // of each group
  std::vector<int32_t> num_layers;  // of each group
  std::vector<int32_t> of_layer;    // [layers]: the layer's KV group
};

// How many whole pages before its own page a query at the page's first position reads.
inline int32_t window_pages(int32_t window, int32_t page_size) {
  return (window - 1 + page_size - 1) / page_size;
}

// The first page that a sequence keeps once `num_computed` of its tokens are computed: the first one that the next
// token reads, or that a sequence reads which continues from the last full page (the prefix cache holds full pages
// only).
inline int32_t first_kept_page(int32_t window, int64_t num_computed, int32_t page_size) {
  if (window == 0) return 0;
  return static_cast<int32_t>(std::max<int64_t>(0, num_computed / page_size - window_pages(window, page_size)));
}

// The most pages that a sequence can have in a step with `num_new` new tokens, wherever they begin. Only for a KV group
// with a window.
inline int64_t most_kept_pages(int32_t window, int64_t num_new, int32_t page_size) {
  return window_pages(window, page_size) + (num_new + 2 * int64_t{page_size} - 2) / page_size;
}

}  // namespace braid
