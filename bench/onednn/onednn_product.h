// One oneDNN product, y[m, n] = x[m, k] · w[k, n], with weights in the layout that oneDNN prefers.
#pragma once

#include <cstdint>
#include <dnnl.hpp>
#include <vector>

#include "braid/tensor/rows.h"

namespace braid {

class OnednnProduct {
 public:
  // Makes as many distinct weights as fit `weight_bytes`, at least one; every run takes the next of them.
  OnednnProduct(DType dtype, int64_t m, int64_t n, int64_t k, int64_t weight_bytes);

  // x [m, k] of the dtype, y [m, n] float32.
  void run(ConstRows x, Rows y);

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::memory::desc x_desc_;
  dnnl::memory::desc y_desc_;
  dnnl::matmul product_;
  std::vector<dnnl::memory> weights_;
  size_t next_ = 0;
};

}  // namespace braid
