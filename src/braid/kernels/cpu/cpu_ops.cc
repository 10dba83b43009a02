#include "braid/kernels/cpu/cpu_ops.h"

#include "braid/base/check.h"
#include "braid/kernels/cpu/matmul.h"
#include "braid/kernels/cpu/split_rows.h"
#include "braid/kernels/cpu/write_kv.h"
#include "braid/kernels/make_ops.h"

namespace braid {

std::unique_ptr<Ops> make_cpu_ops(CpuIsa isa, ThreadTeam& team) {
  return std::make_unique<cpu::CpuOps>(isa, team);
}

namespace cpu {

void CpuOps::parallel_for(int64_t count, FunctionRef<void(int64_t, int64_t)> work) {
  split_rows(team_, count, kElementsWorthATeam, work);
}

void CpuOps::matmul(ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue) {
  cpu::matmul(isa_, team_, gather_(*this, x, w), w, y, epilogue);
}

void CpuOps::grouped_matmul(ConstRows x, const ExpertRows& expert_rows, std::span<const PackedMatrix> w, Rows y,
                            const Epilogue& epilogue) {
  for (const PackedMatrix& one : w) CHECK(one.input_order().empty(), "experts in act order");
  if (w.empty()) return;
  cpu::grouped_matmul(isa_, team_, gather_(*this, x, w[0]), expert_rows, w, y, epilogue);
}

void CpuOps::matmul_max(ConstRows x, const PackedMatrix& w, int64_t cols, std::span<RowMax> maxima) {
  cpu::matmul_max(isa_, team_, gather_(*this, x, w), w, cols, maxima);
}

void CpuOps::write_kv(ConstRows k, ConstRows v, std::span<const AttentionSequence> sequences, const KvLayer& layer) {
  cpu::write_kv(rows_, team_, k, v, sequences, layer);
}

void CpuOps::paged_attention(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                             const AttentionParams& params, Rows out) {
  attention_.forward(q, sequences, layer, params, out);
}

}  // namespace cpu
}  // namespace braid
