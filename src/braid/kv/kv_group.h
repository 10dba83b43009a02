// Layers with the same attention window form a KV group: they see the same positions, so they share a page table, and
// pages of their own. This is the arithmetic of windows in pages, and which layer is in which group. Pure.
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
  int32_t window = 0;     // 0: its layers see all
  int32_t num_pages = 0;  // of its own

  bool operator==(const KvGroupPool&) const = default;
};

// The groups of a model's layers, the widest window first: the layers that see all, if there are any, then by falling
// window.
struct KvGroups {
  // `layer_windows`: of each layer; empty: `num_layers` that see all.
  KvGroups(std::span<const int32_t> layer_windows, int32_t num_layers);

  int32_t count() const { return static_cast<int32_t>(windows.size()); }

  std::vector<int32_t> windows;     // of each group
  std::vector<int32_t> num_layers;  // of each group
  std::vector<int32_t> of_layer;    // [layers]: its group
};

// The whole pages before a page's first position that a query there reads.
inline int32_t window_pages(int32_t window, int32_t page_size) {
  return (window - 1 + page_size - 1) / page_size;
}

// The first page that a sequence keeps when so many of its tokens are computed: the first that is read by the next one,
// or by whoever goes on behind its last full page, which is all that the prefix cache can give.
inline int32_t first_kept_page(int32_t window, int64_t num_computed, int32_t page_size) {
  if (window == 0) return 0;
  return static_cast<int32_t>(std::max<int64_t>(0, num_computed / page_size - window_pages(window, page_size)));
}

// The most pages that a sequence has in a step with `num_new` tokens, wherever they begin. Only of a group with a
// window.
inline int64_t most_kept_pages(int32_t window, int64_t num_new, int32_t page_size) {
  return window_pages(window, page_size) + (num_new + 2 * int64_t{page_size} - 2) / page_size;
}

}  // namespace braid
