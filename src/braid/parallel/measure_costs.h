// Measures the cost of each padding mode over the transport that the ranks will use. Tested by
// dp_token_exchange_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/parallel/communicator.h"
#include "braid/parallel/dp_token_exchange.h"
#include "braid/parallel/exchange_costs.h"

namespace braid {

// Called by all ranks of the world at once, before their first step: on each of cost_sizes(), with all groups equally
// long and with one that is busy. All ranks get rank 0's table. Takes at most 20 ms for each
// figure, about half a second in all; where an exchange takes longer than 5 ms, four of them.
Result<ExchangeCosts> measure_exchange_costs(DpTokenExchange& exchange, const WorldCommunicator& world);

}  // namespace braid
