#include "braid/kv/pool_size.h"

#include <algorithm>
#include <limits>

namespace braid {
namespace {

int64_t pages_of(int64_t num_tokens, int32_t page_size) {
  return (num_tokens - 1) / page_size + 1;
}

// What bounds a group's pages, as the widest group's number of them grows.
struct GroupBounds {
  int32_t window = 0;
  int64_t page_bytes = 0;
  int64_t a_request = 0;  // pages that one request alone can come to hold
  int64_t most = 0;       // that all requests that may run use

  int64_t pages_beside(int64_t widest) const { return std::min({widest, most, std::max(widest / 2, a_request)}); }
};

std::vector<GroupBounds> bounds_of(const KvShape& shape, const PoolLimits& limits, int64_t token_bytes) {
  const KvGroups groups = shape.groups();
  const int64_t context_pages = pages_of(limits.context_len, shape.page_size);
  std::vector<GroupBounds> bounds;
  for (size_t group = 0; group < groups.windows.size(); ++group) {
    GroupBounds& own = bounds.emplace_back();
    own.window = groups.windows[group];
    own.page_bytes = token_bytes / shape.num_layers * groups.num_layers[group] * shape.page_size;
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

// Of all groups, when the widest has so many pages; the most that 64 bits hold where it is more.
int64_t bytes_of(std::span<const GroupBounds> groups, int64_t widest) {
  int64_t total = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    int64_t bytes = 0;
    const int64_t pages = i == 0 ? widest : groups[i].pages_beside(widest);
    if (__builtin_mul_overflow(pages, groups[i].page_bytes, &bytes) || __builtin_add_overflow(total, bytes, &total)) {
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
  const std::vector<GroupBounds> groups = bounds_of(shape, limits, token_bytes);
  int64_t most = groups[0].most;
  if (limits.max_total_tokens > 0) {
    if (limits.max_total_tokens < shape.page_size) {
      return fail("--max-total-tokens {}: at least one page, {} tokens", limits.max_total_tokens, shape.page_size);
    }
    most = std::min(most, limits.max_total_tokens / shape.page_size);
  }
  // The most pages of the widest group that the memory has, with what the others get beside them.
  int64_t widest = 1;
  for (int64_t end = most + 1; widest + 1 < end;) {
    const int64_t middle = widest + (end - widest) / 2;
    (bytes_of(groups, middle) <= limits.memory_bytes ? widest : end) = middle;
  }

  PoolSize size{.groups = {},
                .num_pages = static_cast<int32_t>(widest),
                .bytes = bytes_of(groups, widest),
                .context_len = limits.context_len};
  for (size_t i = 0; i < groups.size(); ++i) {
    const int64_t pages = i == 0 ? widest : groups[i].pages_beside(widest);
    size.groups.push_back({.window = groups[i].window, .num_pages = static_cast<int32_t>(pages)});
    if (pages < groups[i].a_request) size.context_len = std::min(size.context_len, pages * shape.page_size);
  }
  size.context_was_clamped = size.context_len < limits.context_len;
  return size;
}

}  // namespace braid
