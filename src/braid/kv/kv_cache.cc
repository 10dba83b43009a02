#include "braid/kv/kv_cache.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

int64_t bytes_of_layer(int64_t page_bytes, int32_t num_pages) {
  int64_t bytes = 0;
  CHECK(num_pages >= 0 && !__builtin_mul_overflow(page_bytes, int64_t{num_pages}, &bytes), "{} pages of {} bytes",
        num_pages, page_bytes);
  return bytes;
}

// Each layer begins at a huge page.
int64_t in_file(int64_t layer_bytes) {
  constexpr int64_t kUnit = CommittedPages::kPieceBytes;
  return (layer_bytes + kUnit - 1) / kUnit * kUnit;
}

}  // namespace

KvLayer KvShape::layer() const {
  return {.dtype = dtype, .codes = codes, .num_kv_heads = num_kv_heads, .head_dim = head_dim, .page_size = page_size};
}

Result<int64_t> kv_bytes_per_token(const KvShape& shape) {
  if (shape.num_layers <= 0 || shape.num_kv_heads <= 0 || shape.head_dim <= 0) {
    return fail("the KV cache of {} layers, {} KV heads of {}: each must be at least 1", shape.num_layers,
                shape.num_kv_heads, shape.head_dim);
  }
  if (shape.dtype != DType::kFloat32 && shape.dtype != DType::kBFloat16) {
    return fail("the KV cache in {}: float32 or bfloat16", dtype_name(shape.dtype));
  }
  if (shape.codes != KvCodes::kNone && shape.dtype != DType::kBFloat16) {
    return fail("the KV cache in {} with queries in {}: bfloat16", kv_dtype_name(shape.dtype, shape.codes),
                dtype_name(shape.dtype));
  }
  int64_t bytes = 2 * shape.layer().head_bytes();
  for (const int32_t factor : {shape.num_layers, shape.num_kv_heads}) {
    if (__builtin_mul_overflow(bytes, int64_t{factor}, &bytes)) {
      return fail("the KV cache of {} layers, {} KV heads of {}: one token's bytes do not fit 64 bits",
                  shape.num_layers, shape.num_kv_heads, shape.head_dim);
    }
  }
  return bytes;
}

Result<int64_t> kv_bytes_kept_per_token(const KvShape& shape) {
  TRY(const int64_t bytes, kv_bytes_per_token(shape));
  const KvGroups kv_groups = shape.kv_groups();
  return kv_groups.windows[0] == 0 ? bytes / shape.num_layers * kv_groups.num_layers[0] : 0;
}

KvCache::KvCache(const KvShape& shape, int32_t num_pages)
    : KvCache(shape, std::vector<KvGroupPool>(static_cast<size_t>(shape.kv_groups().count()),
                                              KvGroupPool{.num_pages = num_pages})) {}

KvCache::KvCache(const KvShape& shape, std::span<const KvGroupPool> kv_groups)
    : KvCache(shape, kv_groups, nullptr, 0) {}

KvCache::KvCache(const KvShape& shape, std::span<const KvGroupPool> kv_groups, std::shared_ptr<const Mapping> file,
                 int64_t offset)
    : kv_groups_(shape.kv_groups()) {
  CHECK(std::cmp_equal(kv_groups.size(), kv_groups_.count()), "pages of {} KV groups, there are {}", kv_groups.size(),
        kv_groups_.count());
  page_bytes_ = shape.layer().page_bytes();
  std::vector<std::vector<std::byte*>> memories(kv_groups.size());
  for (const int32_t kv_group : kv_groups_.of_layer) {
    const int64_t layer_bytes = bytes_of_layer(page_bytes_, kv_groups[static_cast<size_t>(kv_group)].num_pages);
    KvLayer& layer = layers_.emplace_back(shape.layer());
    for (std::byte** const memory : {&layer.keys, &layer.values}) {
      *memory =
          (file == nullptr ? buffers_.emplace_back(layer_bytes) : buffers_.emplace_back(file, offset, layer_bytes))
              .data();
      memories[static_cast<size_t>(kv_group)].push_back(*memory);
      offset += in_file(layer_bytes);
    }
  }
  for (size_t i = 0; i < kv_groups.size(); ++i) {
    committed_.emplace_back(std::move(memories[i]), kv_groups[i].num_pages, page_bytes_, file != nullptr);
  }
}

int64_t KvCache::file_bytes(const KvShape& shape, std::span<const KvGroupPool> kv_groups) {
  int64_t bytes = 0;
  for (const int32_t kv_group : shape.kv_groups().of_layer) {
    const int32_t num_pages = kv_groups[static_cast<size_t>(kv_group)].num_pages;
    bytes += 2 * in_file(bytes_of_layer(shape.layer().page_bytes(), num_pages));
  }
  return bytes;
}

int64_t KvCache::reserved_bytes() const {
  int64_t pages = 0;
  for (const int32_t kv_group : kv_groups_.of_layer) pages += num_pages(kv_group);
  return 2 * page_bytes_ * pages;
}

int64_t KvCache::committed_bytes() const {
  int64_t bytes = 0;
  for (const CommittedPages& kv_group : committed_) bytes += kv_group.committed_bytes();
  return bytes;
}

void KvCache::commit(ThreadTeam& team, std::span<const PageId> pages, int32_t kv_group) {
  committed_[static_cast<size_t>(kv_group)].commit(team, pages);
}

void KvCache::mark_committed(std::span<const PageId> pages, int32_t kv_group) {
  committed_[static_cast<size_t>(kv_group)].mark(pages);
}

// The KV group that is least ahead comes first: a token takes pages in all KV groups at once.
bool KvCache::commit_ahead(ThreadTeam& team, int64_t bytes, int64_t lead_bytes) {
  for (int64_t pieces = bytes / CommittedPages::kPieceBytes; pieces > 0;) {
    CommittedPages* least = nullptr;
    for (CommittedPages& kv_group : committed_) {
      if (kv_group.is_whole() || kv_group.ahead_bytes() >= lead_bytes) continue;
      if (least == nullptr || kv_group.ahead_bytes() < least->ahead_bytes()) least = &kv_group;
    }
    if (least == nullptr) return false;
    pieces -= least->commit_ahead(team, pieces);
  }
  return true;
}

}  // namespace braid
