// Divides a product's work into the threads' shares, for any tier. The functions of matmul.h with the tier as an
// argument; tests pass the emulated one. Tested by kernels/matmul_test.cc.
#pragma once

#include <span>

#include "braid/base/thread_team.h"
#include "braid/kernels/cpu/matmul_tier.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/ops.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/tensor/rows.h"

namespace braid::cpu {

// The kernels of a tier, for plain weights or for a matrix. This machine must have it.
MatmulTier tier_for(CpuIsa isa, DType dtype);
MatmulTier tier_for(CpuIsa isa, const PackedMatrix& w);

// What the epilogue is for kernels; outputs of `dtype`.
OutputKind output_kind(Epilogue::Kind kind, DType dtype);

void matmul_with(const MatmulTier& tier, ThreadTeam& team, ConstRows x, const PackedMatrix& w, Rows y,
                 const Epilogue& epilogue);

void matmul_max_with(const MatmulTier& tier, ThreadTeam& team, ConstRows x, const PackedMatrix& w, int64_t cols,
                     std::span<RowMax> maxima);

void grouped_matmul_with(const MatmulTier& tier, ThreadTeam& team, ConstRows x, const ExpertRows& expert_rows,
                         std::span<const PackedMatrix> w, Rows y, const Epilogue& epilogue);

}  // namespace braid::cpu
