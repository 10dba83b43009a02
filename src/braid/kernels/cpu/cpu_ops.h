// The operations on a CPU: one instruction-set tier, one team of threads. Each topic has a file of its own. Tested by
// kernels/elementwise_test.cc and the other tests in kernels/, against kernels/ref.
#pragma once

#include "braid/base/thread_team.h"
#include "braid/kernels/cpu/attention.h"
#include "braid/kernels/cpu/row_kernels.h"
#include "braid/kernels/input_gather.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/ops.h"

namespace braid::cpu {

class CpuOps final : public Ops {
 public:
  CpuOps(CpuIsa isa, ThreadTeam& team) : CpuOps(isa, team, attention_tier(isa)) {}
  // With another tier's attention.
  CpuOps(CpuIsa isa, ThreadTeam& team, const AttentionTier& attention)
      : isa_(isa), team_(team), rows_(row_kernels(isa)), attention_(attention, team) {}

  std::string_view name() const override { return isa_name(isa_); }
  void parallel_for(int64_t count, FunctionRef<void(int64_t begin, int64_t end)> work) override;

  void matmul(ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue) override;
  void grouped_matmul(ConstRows x, const ExpertRows& expert_rows, std::span<const PackedMatrix> w, Rows y,
                      const Epilogue& epilogue) override;
  void matmul_max(ConstRows x, const PackedMatrix& w, int64_t cols, std::span<RowMax> maxima) override;

  void embed(std::span<const TokenId> ids, ConstRows table, Rows y) override;
  void rms_norm(ConstRows x, std::span<const float> weight, float eps, Rows y) override;
  void layer_norm(ConstRows x, std::span<const float> weight, std::span<const float> bias, float eps, Rows y) override;
  void head_rms_norm(Rows x, int32_t head_dim, std::span<const float> weight, float eps) override;
  void rope(Rows x, int32_t head_dim, std::span<const int32_t> positions, ConstRows cos, ConstRows sin) override;

  void write_kv(ConstRows k, ConstRows v, std::span<const AttentionSequence> sequences, const KvLayer& layer) override;
  void paged_attention(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                       const AttentionParams& params, Rows out) override;

  void add(ConstRows x, Rows y) override;
  void soft_cap(Rows x, float cap) override;
  void gelu(ConstRows x, GeluKind kind, Rows y) override;
  void gated(Epilogue::Kind kind, ConstRows gate, ConstRows up, Rows y) override;
  void convert(ConstRows x, Rows y) override;

  void route(ConstRows logits, int32_t top_k, bool normalize, const Routing& routing) override;
  void combine(ConstRows x, std::span<const int32_t> rows, std::span<const float> weights, int32_t top_k,
               Rows y) override;

 private:
  const CpuIsa isa_;
  ThreadTeam& team_;
  const RowKernels& rows_;
  PagedAttention attention_;
  InputGather gather_;
};

}  // namespace braid::cpu
