#include "braid/parallel/process_transport.h"

#include <utility>

#include "braid/parallel/process_texts.h"
#include "braid/parallel/process_world.h"
#include "braid/parallel/shared_port.h"

namespace braid {

ProcessTransport::ProcessTransport(std::shared_ptr<ProcessPort> port, RankSpread spread, double timeout_s,
                                   std::shared_ptr<const HostMemory> memory)
    : ports_(share_port(std::move(port))),
      spread_(std::move(spread)),
      timeout_s_(timeout_s),
      memory_(std::move(memory)) {}

std::unique_ptr<ThreadWorld> ProcessTransport::make_world(const ParallelLayout& layout,
                                                          const WorldOptions& options) const {
  return std::make_unique<ProcessWorld>(layout, spread_, port(), options, memory_);
}

std::unique_ptr<ThreadWorld> ProcessTransport::make_process_world(int32_t num_groups,
                                                                  const WorldOptions& options) const {
  const int32_t num_processes = spread_.num_processes();
  const ParallelLayout layout{.tp_size = num_processes, .dp_size = num_groups, .enable_dp_attention = num_groups > 1};
  const std::vector<int32_t> one_each(static_cast<size_t>(num_processes), 1);
  return std::make_unique<ProcessWorld>(layout, RankSpread(one_each), ports_[1], options);
}

IndexRange ProcessTransport::own_ranks(const ParallelLayout& /*layout*/) const {
  return spread_.ranks_of(port()->process());
}

Result<std::vector<std::string>> ProcessTransport::gather(std::string_view own) const {
  return gather_texts(*port(), own, "come this far", timeout_s_);
}

}  // namespace braid
