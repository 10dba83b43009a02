// The attention backend of the device's own tiled kernels.
#pragma once

#include <memory>

#include "braid/attention/attention_backend.h"

namespace braid {

std::unique_ptr<AttentionBackend> make_fa_attention(Ops& ops);

}  // namespace braid
