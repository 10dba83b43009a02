// Creates each device's operations.
#pragma once

#include <memory>

#include "braid/base/thread_team.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/ops.h"

namespace braid {

// The reference definitions: double sums, one thread, as plain as possible.
std::unique_ptr<Ops> make_ref_ops();

// `team` must outlive the result. Only one thread at a time may use either.
std::unique_ptr<Ops> make_cpu_ops(CpuIsa isa, ThreadTeam& team);

}  // namespace braid
