#include "braid/kv/kv_cache.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr int64_t kSystemPage = 4096;

}  // namespace

Result<int64_t> kv_bytes_per_token(const KvShape& shape) {
  if (shape.num_layers <= 0 || shape.num_kv_heads <= 0 || shape.head_dim <= 0) {
    return fail("the KV cache of {} layers, {} KV heads of {}: each must be at least 1", shape.num_layers,
                shape.num_kv_heads, shape.head_dim);
  }
  if (shape.dtype != DType::kFloat32 && shape.dtype != DType::kBFloat16) {
    return fail("the KV cache in {}: float32 or bfloat16", dtype_name(shape.dtype));
  }
  int64_t bytes = 2 * dtype_bytes(shape.dtype);
  for (const int32_t factor : {shape.num_layers, shape.num_kv_heads, shape.head_dim}) {
    if (__builtin_mul_overflow(bytes, int64_t{factor}, &bytes)) {
      return fail("the KV cache of {} layers, {} KV heads of {}: one token's bytes do not fit 64 bits",
                  shape.num_layers, shape.num_kv_heads, shape.head_dim);
    }
  }
  return bytes;
}

Result<int64_t> kv_bytes_kept_per_token(const KvShape& shape) {
  TRY(const int64_t bytes, kv_bytes_per_token(shape));
  const KvGroups groups = shape.groups();
  return groups.windows[0] == 0 ? bytes / shape.num_layers * groups.num_layers[0] : 0;
}

KvCache::KvCache(const KvShape& shape, int32_t num_pages)
    : KvCache(shape, std::vector<KvGroupPool>(static_cast<size_t>(shape.groups().count()),
                                              KvGroupPool{.num_pages = num_pages})) {}

KvCache::KvCache(const KvShape& shape, std::span<const KvGroupPool> groups) : groups_(shape.groups()) {
  CHECK(std::cmp_equal(groups.size(), groups_.count()), "pages of {} KV groups, there are {}", groups.size(),
        groups_.count());
  const KvLayer empty{.keys = nullptr,
                      .values = nullptr,
                      .dtype = shape.dtype,
                      .num_kv_heads = shape.num_kv_heads,
                      .head_dim = shape.head_dim,
                      .page_size = shape.page_size};
  page_bytes_ = empty.page_elements() * dtype_bytes(shape.dtype);
  for (const KvGroupPool& group : groups) {
    CHECK(group.num_pages >= 0, "{} pages", group.num_pages);
    is_committed_.emplace_back(static_cast<size_t>(group.num_pages), false);
  }
  for (const int32_t group : groups_.of_layer) {
    int64_t layer_bytes = 0;
    CHECK(!__builtin_mul_overflow(page_bytes_, int64_t{num_pages(group)}, &layer_bytes), "{} pages of {} bytes",
          num_pages(group), page_bytes_);
    KvLayer& layer = layers_.emplace_back(empty);
    layer.keys = buffers_.emplace_back(layer_bytes).data();
    layer.values = buffers_.emplace_back(layer_bytes).data();
  }
}

int64_t KvCache::reserved_bytes() const {
  int64_t pages = 0;
  for (const int32_t group : groups_.of_layer) pages += num_pages(group);
  return 2 * page_bytes_ * pages;
}

int64_t KvCache::committed_bytes() const {
  int64_t pages = 0;
  for (const int32_t group : groups_.of_layer) pages += std::ranges::count(committed(group), true);
  return 2 * page_bytes_ * pages;
}

void KvCache::commit(std::span<const PageId> pages, int32_t group) {
  std::vector<bool>& is_committed = is_committed_[static_cast<size_t>(group)];
  for (const PageId page : pages) {
    CHECK(page >= 0 && page < num_pages(group), "page {} of {}", page, num_pages(group));
    if (is_committed[static_cast<size_t>(page)]) continue;
    is_committed[static_cast<size_t>(page)] = true;
    for (size_t layer = 0; layer < layers_.size(); ++layer) {
      if (groups_.of_layer[layer] != group) continue;
      for (std::byte* memory : {layers_[layer].keys, layers_[layer].values}) {
        // Writing what is there commits the memory and changes nothing.
        volatile std::byte* first = memory + page * page_bytes_;
        for (int64_t at = 0; at < page_bytes_; at += kSystemPage) first[at] = first[at];
        first[page_bytes_ - 1] = first[page_bytes_ - 1];
      }
    }
  }
}

}  // namespace braid
