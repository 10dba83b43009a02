// Measures the cost of each padding mode over the transport that the ranks will use. Tested by
// dp_token_exchange_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/parallel/communicator.h"
#include "braid/parallel/dp_token_exchange.h"
#include "braid/parallel/exchange_costs.h"

namespace braid {

// Called by all ranks of the world at once, before their first step: on each of cost_sizes(), with all groups equally
// long and with one that is busy. All ranks get rank 0's table. Takes about 1.5 s where the largest exchange takes 20
// ms; beyond that, four times as long as one exchange of each kind.
Result<ExchangeCosts> measure_exchange_costs(DpTokenExchange& exchange, const WorldCommunicator& world);

}  // namespace braid
