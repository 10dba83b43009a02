#include "braid/kernels/ref/ref_ops.h"

#include "braid/kernels/make_ops.h"

namespace braid {

std::unique_ptr<Ops> make_ref_ops() {
  return std::make_unique<ref::RefOps>();
}

namespace ref {

float load(ConstRows x, int64_t row, int64_t col) {
  switch (x.dtype) {
    case DType::kFloat32:
      return x.row<float>(row)[col];
    case DType::kBFloat16:
      return to_float(x.row<BFloat16>(row)[col]);
    case DType::kFloat16:
      return to_float(x.row<Float16>(row)[col]);
  }
  return 0;
}

void store(Rows y, int64_t row, int64_t col, double value) {
  CHECK(y.dtype != DType::kFloat16, "nothing computes in float16");
  if (y.dtype == DType::kFloat32) {
    y.row<float>(row)[col] = static_cast<float>(value);
  } else {
    y.row<BFloat16>(row)[col] = to_bfloat16(static_cast<float>(value));
  }
}

void RefOps::parallel_for(int64_t count, FunctionRef<void(int64_t, int64_t)> work) {
  if (count > 0) work(0, count);
}

}  // namespace ref
}  // namespace braid
