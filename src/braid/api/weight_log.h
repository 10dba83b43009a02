// Names the ranks whose weights are damaged, for the log. Tested by weight_log_test.cc.
#pragma once

#include <string>

#include "braid/base/log.h"
#include "braid/wire/weight_report.h"

namespace braid {

// "model.layers.3.mlp.down_proj.weight (2 pages); …", with the number of pages that are not listed.
std::string damage_text(const RankWeights& weights);

// A line for each rank with damaged weights, and for each process that was not checked; one line if all is well.
void log_weights(const WeightReport& report, Logger& log);

}  // namespace braid
