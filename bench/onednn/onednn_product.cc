#include "onednn_product.h"

#include <algorithm>

namespace braid {
namespace {

using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

Type type_of(DType dtype) {
  return dtype == DType::kFloat32 ? Type::f32 : Type::bf16;
}

}  // namespace

OnednnProduct::OnednnProduct(DType dtype, int64_t m, int64_t n, int64_t k, int64_t weight_bytes)
    : engine_(dnnl::engine::kind::cpu, 0),
      stream_(engine_),
      x_desc_({m, k}, type_of(dtype), Tag::ab),
      y_desc_({m, n}, Type::f32, Tag::ab) {
  const dnnl::memory::desc any_weights({k, n}, type_of(dtype), Tag::any);
  const dnnl::matmul::primitive_desc description({x_desc_, any_weights, y_desc_}, engine_);
  product_ = dnnl::matmul(description);

  dnnl::memory plain({{k, n}, Type::f32, Tag::ab}, engine_);
  auto* values = static_cast<float*>(plain.get_data_handle());
  uint32_t state = 1;
  for (int64_t i = 0; i < n * k; ++i) {
    state = state * 1664525U + 1013904223U;
    values[i] = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-36F;
  }
  const int64_t count = std::max<int64_t>(1, weight_bytes / (n * k * dtype_bytes(dtype)));
  for (int64_t i = 0; i < count; ++i) {
    weights_.emplace_back(description.weights_desc(), engine_);
    dnnl::reorder(plain, weights_.back()).execute(stream_, plain, weights_.back());
  }
  stream_.wait();
}

void OnednnProduct::run(ConstRows x, Rows y) {
  next_ = (next_ + 1) % weights_.size();
  dnnl::memory x_memory(x_desc_, engine_, const_cast<std::byte*>(x.data));
  dnnl::memory y_memory(y_desc_, engine_, y.data);
  product_.execute(stream_, {{DNNL_ARG_SRC, x_memory}, {DNNL_ARG_WEIGHTS, weights_[next_]}, {DNNL_ARG_DST, y_memory}});
  stream_.wait();
}

}  // namespace braid
