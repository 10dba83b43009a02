// Attention as the models see it: a batch of sequences over a paged cache. How it is computed, on which device, and for
// which DP group is hidden.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/kernels/ops.h"

namespace braid {

class AttentionBackend {
 public:
  virtual ~AttentionBackend() = default;

  virtual std::string_view name() const = 0;

  // With arguments and result as for Ops::paged_attention. A batch without sequences is allowed.
  virtual void forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                       const AttentionParams& params, Rows out) = 0;
};

// The names for --attention-backend, the default first.
std::vector<std::string_view> attention_backend_names();

// "fa": the device's own tiled kernels. "native": plain C++, on any device whose memory the processor can read. `ops`
// must outlive the result. Any other name is an error that lists these.
Result<std::unique_ptr<AttentionBackend>> make_attention_backend(std::string_view name, Ops& ops);

}  // namespace braid
