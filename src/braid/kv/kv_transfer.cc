#include "braid/kv/kv_transfer.h"

#include <cstring>
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

}  // namespace

KvTransfer KvTransfer::gather(const KvCache& from, std::span<const PageId> pages) {
  KvTransfer transfer;
  transfer.num_layers_ = from.num_layers();
  transfer.num_pages_ = static_cast<int32_t>(pages.size());
  if (from.num_layers() == 0) return transfer;
  transfer.shape_ = from.layer(0);
  transfer.shape_.keys = transfer.shape_.values = nullptr;
  const int64_t size = page_bytes(transfer.shape_);
  transfer.bytes_.resize(static_cast<size_t>(2 * size * transfer.num_pages_ * transfer.num_layers_));
  std::byte* to = transfer.bytes_.data();
  for (int32_t i = 0; i < from.num_layers(); ++i) {
    for (const std::byte* memory : {from.layer(i).keys, from.layer(i).values}) {
      for (const PageId page : pages) {
        CHECK(page >= 0 && page < from.num_pages(), "page {} of {}", page, from.num_pages());
        std::memcpy(to, memory + page * size, static_cast<size_t>(size));
        to += size;
      }
    }
  }
  return transfer;
}

Status KvTransfer::scatter(KvCache& to, std::span<const PageId> pages) const {
  if (std::cmp_not_equal(pages.size(), num_pages_)) {
    return fail("{} pages of keys and values for {} pages of a cache", num_pages_, pages.size());
  }
  if (to.num_layers() != num_layers_ || (num_layers_ > 0 && !same_shape(to.layer(0), shape_))) {
    return fail("keys and values of {} do not fit into a cache of {}", describe(shape_, num_layers_),
                to.num_layers() > 0 ? describe(to.layer(0), to.num_layers()) : "no layers");
  }
  to.commit(pages);
  const int64_t size = page_bytes(shape_);
  const std::byte* from = bytes_.data();
  for (int32_t i = 0; i < num_layers_; ++i) {
    for (std::byte* memory : {to.layer(i).keys, to.layer(i).values}) {
      for (const PageId page : pages) {
        std::memcpy(memory + page * size, from, static_cast<size_t>(size));
        from += size;
      }
    }
  }
  return {};
}

}  // namespace braid
