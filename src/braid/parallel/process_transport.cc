#include "braid/parallel/process_transport.h"

#include <utility>

#include "braid/parallel/process_texts.h"
#include "braid/parallel/process_world.h"

namespace braid {

ProcessTransport::ProcessTransport(std::shared_ptr<ProcessPort> port, RankSpread spread, double timeout_s)
    : port_(std::move(port)), spread_(std::move(spread)), timeout_s_(timeout_s) {}

std::unique_ptr<ThreadWorld> ProcessTransport::make_world(const ParallelLayout& layout,
                                                          const WorldOptions& options) const {
  return std::make_unique<ProcessWorld>(layout, spread_, port_, options);
}

IndexRange ProcessTransport::own_ranks(const ParallelLayout& /*layout*/) const {
  return spread_.ranks_of(port_->process());
}

Result<std::vector<std::string>> ProcessTransport::gather(std::string_view own) const {
  return gather_texts(*port_, own, "come this far", timeout_s_);
}

}  // namespace braid
