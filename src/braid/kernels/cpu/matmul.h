// Matrix products over PackedMatrix for the CPU tiers, as called by Ops::matmul and Ops::grouped_matmul. Tested by
// kernels/matmul_test.cc and kernels/matmul_max_test.cc.
//
// Within one tier and dtype, an output element is summed over K in one fixed order, whatever the number of rows, the
// other rows, the number of threads, the blocking and the epilogue.
#pragma once

#include <span>

#include "braid/base/thread_team.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/ops.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/tensor/rows.h"

namespace braid::cpu {

// Ops::matmul. `isa` must be one that available_isas() lists.
void matmul(CpuIsa isa, ThreadTeam& team, ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue);

// Ops::matmul_max.
void matmul_max(CpuIsa isa, ThreadTeam& team, ConstRows x, const PackedMatrix& w, int64_t cols,
                std::span<RowMax> maxima);

// Ops::grouped_matmul: one parallel region, whose pieces cost about the same.
void grouped_matmul(CpuIsa isa, ThreadTeam& team, ConstRows x, const ExpertRows& expert_rows,
                    std::span<const PackedMatrix> w, Rows y, const Epilogue& epilogue);

}  // namespace braid::cpu
