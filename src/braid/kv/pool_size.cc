#include "braid/kv/pool_size.h"

#include <algorithm>
#include <limits>

namespace braid {
namespace {

int64_t pages_of(int64_t num_tokens, int32_t page_size) {
  return (num_tokens - 1) / page_size + 1;
}

// What bounds a KV group's pages as the widest KV group's number of pages grows.
struct KvGroupBounds {
  int32_t window = 0;
  int64_t page_bytes = 0;
  int64_t a_request = 0;  // the most pages that one request can hold
  int64_t most = 0;       // the most pages that max_running_requests use together

  int64_t pages_beside(int64_t widest) const { return std::min({widest, most, std::max(widest / 2, a_request)}); }
};

std::vector<KvGroupBounds> bounds_of(const KvShape& shape, const PoolLimits& limits, int64_t token_bytes) {
  const KvGroups kv_groups = shape.kv_groups();
  const int64_t context_pages = pages_of(limits.context_len, shape.page_size);
  std::vector<KvGroupBounds> bounds;
  for (size_t kv_group = 0; kv_group < kv_groups.windows.size(); ++kv_group) {
    KvGroupBounds& own = bounds.emplace_back();
    own.window = kv_groups.windows[kv_group];
    own.page_bytes = token_bytes / shape.num_layers * kv_groups.num_layers[kv_group] * shape.page_size;
    own.a_request = context_pages;
    int64_t used_by_each = context_pages;
    if (own.window > 0) {
      const auto kept = [&](int64_t num_new) { return most_kept_pages(own.window, num_new, shape.page_size); };
      own.a_request = std::min(context_pages, kept(limits.chunked_prefill_size));
      used_by_each = std::min(context_pages, 2 * kept(1));
    }
    const int64_t largest = std::numeric_limits<PageId>::max() / shape.page_size;
    const auto by_all = [&](int64_t pages) {
      return std::min(pages, largest / limits.max_running_requests + 1) * limits.max_running_requests;
    };
    own.most = std::min({by_all(used_by_each) + (own.window > 0 ? own.a_request : 0), by_all(context_pages), largest});
  }
  return bounds;
}

// Bytes of all KV groups if the widest has `widest` pages; the largest int64_t if that overflows.
int64_t bytes_of(std::span<const KvGroupBounds> kv_groups, int64_t widest) {
  int64_t total = 0;
  for (size_t i = 0; i < kv_groups.size(); ++i) {
    int64_t bytes = 0;
    const int64_t pages = i == 0 ? widest : kv_groups[i].pages_beside(widest);
    if (__builtin_mul_overflow(pages, kv_groups[i].page_bytes, &bytes) ||
        __builtin_add_overflow(total, bytes, &total)) {
      return std::numeric_limits<int64_t>::max();
    }
  }
  return total;
}

}  // namespace

Result<PoolSize> size_pool(const KvShape& shape, const PoolLimits& limits) {
  TRY(const int64_t token_bytes, kv_bytes_per_token(shape));
  if (shape.page_size <= 0 || shape.page_size % KvLayer::kKeyVectorTokens != 0) {
    return fail("--page-size {}: a multiple of {}", shape.page_size, KvLayer::kKeyVectorTokens);
  }
  if (limits.context_len < 1) return fail("--context-length {}: at least 1", limits.context_len);
  if (limits.max_running_requests < 1) {
    return fail("--max-running-requests {}: at least 1", limits.max_running_requests);
  }
  int64_t page_bytes = 0;
  if (__builtin_mul_overflow(token_bytes, int64_t{shape.page_size}, &page_bytes)) {
    return fail("a page of {} tokens of {} bytes: its bytes do not fit 64 bits", shape.page_size, token_bytes);
  }
  if (limits.memory_bytes < page_bytes) {
    return fail(
        "{} bytes are left for the KV cache, one page of {} tokens takes {} (--kv-cache-memory-bytes, "
        "--mem-fraction-static)",
        limits.memory_bytes, shape.page_size, page_bytes);
  }
  const std::vector<KvGroupBounds> kv_groups = bounds_of(shape, limits, token_bytes);
  int64_t most = kv_groups[0].most;
  if (limits.max_total_tokens > 0) {
    if (limits.max_total_tokens < shape.page_size) {
      return fail("--max-total-tokens {}: at least one page, {} tokens", limits.max_total_tokens, shape.page_size);
    }
    most = std::min(most, limits.max_total_tokens / shape.page_size);
  }
  // Bisects for the most pages of the widest KV group that fit into memory together with the other KV groups' pages.
  int64_t widest = 1;
  for (int64_t end = most + 1; widest + 1 < end;) {
    const int64_t middle = widest + (end - widest) / 2;
    (bytes_of(kv_groups, middle) <= limits.memory_bytes ? widest : end) = middle;
  }

  PoolSize size{.kv_groups = {},
                .num_pages = static_cast<int32_t>(widest),
                .bytes = bytes_of(kv_groups, widest),
                .context_len = limits.context_len};
  for (size_t i = 0; i < kv_groups.size(); ++i) {
    const int64_t pages = i == 0 ? widest : kv_groups[i].pages_beside(widest);
    size.kv_groups.push_back({.window = kv_groups[i].window, .num_pages = static_cast<int32_t>(pages)});
    if (pages < kv_groups[i].a_request) size.context_len = std::min(size.context_len, pages * shape.page_size);
  }
  size.context_was_clamped = size.context_len < limits.context_len;
  return size;
}

}  // namespace braid
