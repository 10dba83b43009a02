#include "braid/kv/kv_page_copy.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/index_range.h"

namespace braid {
namespace {

bool same_shape(const KvLayer& a, const KvLayer& b) {
  return a.dtype == b.dtype && a.codes == b.codes && a.num_kv_heads == b.num_kv_heads && a.head_dim == b.head_dim &&
         a.page_size == b.page_size;
}

std::string describe(const KvLayer& layer, int32_t num_layers) {
  return fmt::format("{} layers of {} KV heads of {}, {}, pages of {} tokens", num_layers, layer.num_kv_heads,
                     layer.head_dim, kv_dtype_name(layer.dtype, layer.codes), layer.page_size);
}

// A layer's part of a copy: its keys' pages from page `first` of the copy on, then its values'.
struct MovedLayer {
  int64_t first = 0;
  const std::vector<PageId>* pages = nullptr;
};

std::vector<MovedLayer> moved_layers(std::span<const int32_t> of_layer, KvPageCopy::PagesByKvGroup pages) {
  std::vector<MovedLayer> layers;
  int64_t first = 0;
  for (const int32_t kv_group : of_layer) {
    const std::vector<PageId>& own = pages[static_cast<size_t>(kv_group)];
    layers.push_back({.first = first, .pages = &own});
    first += 2 * std::ssize(own);
  }
  return layers;
}

int64_t num_layer_pages(std::span<const MovedLayer> layers) {
  return layers.empty() ? 0 : layers.back().first + 2 * std::ssize(*layers.back().pages);
}

// Calls copy(layer, is_values, page, place in the copy) for all pages, each thread of the team with an equal part of
// the copy.
template <typename Copy>
void share_out(ThreadTeam& team, int64_t num_pages, std::span<const MovedLayer> layers, const Copy& copy) {
  team.run([&](int thread) {
    const IndexRange own = split_evenly(num_pages, thread, team.size());
    size_t layer = 0;
    for (int64_t at = own.begin; at < own.end; ++at) {
      while (at >= layers[layer].first + 2 * std::ssize(*layers[layer].pages)) ++layer;
      const std::vector<PageId>& pages = *layers[layer].pages;
      const int64_t index = at - layers[layer].first;
      const bool is_values = index >= std::ssize(pages);
      copy(layer, is_values, pages[static_cast<size_t>(is_values ? index - std::ssize(pages) : index)], at);
    }
  });
}

std::vector<size_t> sizes_of(KvPageCopy::PagesByKvGroup pages) {
  std::vector<size_t> sizes;
  for (const auto& of_kv_group : pages) sizes.push_back(of_kv_group.size());
  return sizes;
}

}  // namespace

int32_t KvPageCopy::num_pages() const {
  return static_cast<int32_t>(std::accumulate(num_pages_.begin(), num_pages_.end(), size_t{0}));
}

KvPageCopy::KvPageCopy(const KvCache& cache, PagesByKvGroup pages)
    : of_layer_(cache.kv_groups().of_layer), num_pages_(sizes_of(pages)) {
  CHECK(std::cmp_equal(pages.size(), cache.kv_groups().count()), "pages of {} KV groups, there are {}", pages.size(),
        cache.kv_groups().count());
  if (cache.num_layers() == 0) return;
  shape_ = cache.layer(0);
  shape_.keys = shape_.values = nullptr;
}

KvPageCopy KvPageCopy::gather(ThreadTeam& team, const KvCache& from, PagesByKvGroup pages,
                              FunctionRef<Buffer(int64_t bytes)> memory_for) {
  KvPageCopy copy(from, pages);
  if (from.num_layers() == 0) return copy;
  const auto size = static_cast<size_t>(copy.shape_.page_bytes());
  for (size_t kv_group = 0; kv_group < pages.size(); ++kv_group) {
    const int32_t num_pages = from.num_pages(static_cast<int32_t>(kv_group));
    for (const PageId page : pages[kv_group]) CHECK(page >= 0 && page < num_pages, "page {} of {}", page, num_pages);
  }
  const std::vector<MovedLayer> layers = moved_layers(copy.of_layer_, pages);
  const int64_t num_pages = num_layer_pages(layers);
  copy.memory_ = memory_for(num_pages * static_cast<int64_t>(size));
  share_out(team, num_pages, layers, [&](size_t layer, bool is_values, PageId page, int64_t at) {
    const KvLayer& own = from.layer(static_cast<int32_t>(layer));
    const std::byte* const memory = is_values ? own.values : own.keys;
    std::memcpy(copy.memory_.data() + static_cast<size_t>(at) * size, memory + static_cast<size_t>(page) * size, size);
  });
  return copy;
}

Result<KvPageCopy> KvPageCopy::of_bytes(const KvCache& shaped_like, PagesByKvGroup pages, Buffer bytes) {
  KvPageCopy copy(shaped_like, pages);
  const int64_t expected = num_layer_pages(moved_layers(copy.of_layer_, pages)) * copy.shape_.page_bytes();
  if (bytes.bytes() != expected) {
    return fail("{} bytes of keys and values came for {} pages, which have {}", bytes.bytes(), copy.num_pages(),
                expected);
  }
  copy.memory_ = std::move(bytes);
  return copy;
}

Status KvPageCopy::scatter(ThreadTeam& team, KvCache& to, PagesByKvGroup pages) const {
  const auto num_layers = static_cast<int32_t>(of_layer_.size());
  if (to.kv_groups().of_layer != of_layer_ || (num_layers > 0 && !same_shape(to.layer(0), shape_))) {
    return fail("keys and values of {} do not fit into a cache of {}", describe(shape_, num_layers),
                to.num_layers() > 0 ? describe(to.layer(0), to.num_layers()) : "no layers");
  }
  if (const std::vector<size_t> sizes = sizes_of(pages); sizes != num_pages_) {
    return fail("{} pages of keys and values for {} pages of a cache", fmt::join(num_pages_, " and "),
                fmt::join(sizes, " and "));
  }
  const auto size = static_cast<size_t>(shape_.page_bytes());
  share_out(team, memory_.bytes() / std::max<int64_t>(1, static_cast<int64_t>(size)), moved_layers(of_layer_, pages),
            [&](size_t layer, bool is_values, PageId page, int64_t at) {
              const KvLayer& own = to.layer(static_cast<int32_t>(layer));
              std::byte* const memory = is_values ? own.values : own.keys;
              std::memcpy(memory + static_cast<size_t>(page) * size, memory_.data() + static_cast<size_t>(at) * size,
                          size);
            });
  for (size_t kv_group = 0; kv_group < pages.size(); ++kv_group)
    to.mark_committed(pages[kv_group], static_cast<int32_t>(kv_group));
  return {};
}

}  // namespace braid
