// Writes new tokens' keys and values into their pages. Tested by kernels/write_kv_test.cc.
#pragma once

#include "braid/base/thread_team.h"
#include "braid/kernels/cpu/row_kernels.h"
#include "braid/kernels/ops.h"

namespace braid::cpu {

// Ops::write_kv.
void write_kv(const RowKernels& rows, ThreadTeam& team, ConstRows k, ConstRows v,
              std::span<const AttentionSequence> sequences, const KvLayer& layer);

}  // namespace braid::cpu
