#include "braid/kv/kv_cache.h"

#include <algorithm>
#include <limits>

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

Result<PoolSize> size_pool(const KvShape& shape, const PoolLimits& limits) {
  TRY(const int64_t token_bytes, kv_bytes_per_token(shape));
  if (shape.page_size <= 0 || shape.page_size % KvLayer::kGroupTokens != 0) {
    return fail("--page-size {}: a multiple of {}", shape.page_size, KvLayer::kGroupTokens);
  }
  if (limits.context_len < 1) return fail("--context-length {}: at least 1", limits.context_len);
  if (limits.max_running_requests < 1) {
    return fail("--max-running-requests {}: at least 1", limits.max_running_requests);
  }
  int64_t page_bytes = 0;
  if (__builtin_mul_overflow(token_bytes, int64_t{shape.page_size}, &page_bytes)) {
    return fail("a page of {} tokens of {} bytes: its bytes do not fit 64 bits", shape.page_size, token_bytes);
  }
  int64_t pages = std::max<int64_t>(limits.memory_bytes, 0) / page_bytes;
  if (pages < 1) {
    return fail(
        "{} bytes are left for the KV cache, one page of {} tokens takes {} (--kv-cache-memory-bytes, "
        "--mem-fraction-static)",
        limits.memory_bytes, shape.page_size, page_bytes);
  }
  if (limits.max_total_tokens > 0) {
    if (limits.max_total_tokens < shape.page_size) {
      return fail("--max-total-tokens {}: at least one page, {} tokens", limits.max_total_tokens, shape.page_size);
    }
    pages = std::min(pages, limits.max_total_tokens / shape.page_size);
  }
  const int64_t pages_a_request = (limits.context_len - 1) / shape.page_size + 1;
  if (pages / pages_a_request >= limits.max_running_requests) pages = pages_a_request * limits.max_running_requests;
  pages = std::min<int64_t>(pages, std::numeric_limits<PageId>::max() / shape.page_size);

  PoolSize size{.num_pages = static_cast<int32_t>(pages), .bytes = pages * page_bytes};
  size.context_len = std::min(limits.context_len, pages * shape.page_size);
  size.context_was_clamped = size.context_len < limits.context_len;
  return size;
}

KvCache::KvCache(const KvShape& shape, int32_t num_pages) : num_pages_(num_pages) {
  const KvLayer empty{.keys = nullptr,
                      .values = nullptr,
                      .dtype = shape.dtype,
                      .num_kv_heads = shape.num_kv_heads,
                      .head_dim = shape.head_dim,
                      .page_size = shape.page_size};
  page_bytes_ = empty.page_elements() * dtype_bytes(shape.dtype);
  int64_t layer_bytes = 0;
  CHECK(num_pages >= 0 && !__builtin_mul_overflow(page_bytes_, int64_t{num_pages}, &layer_bytes),
        "{} pages of {} bytes", num_pages, page_bytes_);
  is_committed_.assign(static_cast<size_t>(num_pages), false);
  for (int32_t i = 0; i < shape.num_layers; ++i) {
    KvLayer& layer = layers_.emplace_back(empty);
    layer.keys = buffers_.emplace_back(layer_bytes).data();
    layer.values = buffers_.emplace_back(layer_bytes).data();
  }
}

int64_t KvCache::reserved_bytes() const {
  return 2 * page_bytes_ * num_pages_ * num_layers();
}

int64_t KvCache::committed_bytes() const {
  return 2 * page_bytes_ * num_layers() * std::ranges::count(is_committed_, true);
}

void KvCache::commit(std::span<const PageId> pages) {
  for (const PageId page : pages) {
    CHECK(page >= 0 && page < num_pages_, "page {} of {}", page, num_pages_);
    if (is_committed_[static_cast<size_t>(page)]) continue;
    is_committed_[static_cast<size_t>(page)] = true;
    for (const Buffer& buffer : buffers_) {
      // Writing what is there commits the memory and changes nothing.
      volatile std::byte* first = buffer.data() + page * page_bytes_;
      for (int64_t at = 0; at < page_bytes_; at += kSystemPage) first[at] = first[at];
      first[page_bytes_ - 1] = first[page_bytes_ - 1];
    }
  }
}

}  // namespace braid
