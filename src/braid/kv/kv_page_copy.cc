#include "braid/kv/kv_page_copy.h"

#include <fmt/ranges.h>

#include <cstring>
#include <numeric>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

int64_t page_bytes(const KvLayer& layer) {
  return layer.page_elements() * dtype_bytes(layer.dtype);
}

bool same_shape(const KvLayer& a, const KvLayer& b) {
  return a.dtype == b.dtype && a.num_kv_heads == b.num_kv_heads && a.head_dim == b.head_dim &&
         a.page_size == b.page_size;
}

std::string describe(const KvLayer& layer, int32_t num_layers) {
  return fmt::format("{} layers of {} KV heads of {}, {}, pages of {} tokens", num_layers, layer.num_kv_heads,
                     layer.head_dim, dtype_name(layer.dtype), layer.page_size);
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

KvPageCopy KvPageCopy::gather(const KvCache& from, PagesByKvGroup pages) {
  CHECK(std::cmp_equal(pages.size(), from.kv_groups().count()), "pages of {} KV groups, there are {}", pages.size(),
        from.kv_groups().count());
  KvPageCopy copy;
  copy.num_pages_ = sizes_of(pages);
  copy.of_layer_ = from.kv_groups().of_layer;
  if (from.num_layers() == 0) return copy;
  copy.shape_ = from.layer(0);
  copy.shape_.keys = copy.shape_.values = nullptr;
  const auto size = static_cast<size_t>(page_bytes(copy.shape_));
  size_t num_bytes = 0;
  for (const int32_t kv_group : copy.of_layer_) num_bytes += 2 * size * pages[static_cast<size_t>(kv_group)].size();
  copy.bytes_.resize(num_bytes);
  std::byte* to = copy.bytes_.data();
  for (int32_t i = 0; i < from.num_layers(); ++i) {
    const int32_t kv_group = copy.of_layer_[static_cast<size_t>(i)];
    for (const std::byte* memory : {from.layer(i).keys, from.layer(i).values}) {
      for (const PageId page : pages[static_cast<size_t>(kv_group)]) {
        CHECK(page >= 0 && page < from.num_pages(kv_group), "page {} of {}", page, from.num_pages(kv_group));
        std::memcpy(to, memory + static_cast<size_t>(page) * size, size);
        to += size;
      }
    }
  }
  return copy;
}

Status KvPageCopy::scatter(KvCache& to, PagesByKvGroup pages) const {
  const auto num_layers = static_cast<int32_t>(of_layer_.size());
  if (to.kv_groups().of_layer != of_layer_ || (num_layers > 0 && !same_shape(to.layer(0), shape_))) {
    return fail("keys and values of {} do not fit into a cache of {}", describe(shape_, num_layers),
                to.num_layers() > 0 ? describe(to.layer(0), to.num_layers()) : "no layers");
  }
  if (const std::vector<size_t> sizes = sizes_of(pages); sizes != num_pages_) {
    return fail("{} pages of keys and values for {} pages of a cache", fmt::join(num_pages_, " and "),
                fmt::join(sizes, " and "));
  }
  const auto size = static_cast<size_t>(page_bytes(shape_));
  const std::byte* from = bytes_.data();
  for (int32_t i = 0; i < num_layers; ++i) {
    for (std::byte* memory : {to.layer(i).keys, to.layer(i).values}) {
      for (const PageId page : pages[static_cast<size_t>(of_layer_[static_cast<size_t>(i)])]) {
        std::memcpy(memory + static_cast<size_t>(page) * size, from, size);
        from += size;
      }
    }
  }
  for (size_t kv_group = 0; kv_group < pages.size(); ++kv_group)
    to.mark_committed(pages[kv_group], static_cast<int32_t>(kv_group));
  return {};
}

}  // namespace braid
