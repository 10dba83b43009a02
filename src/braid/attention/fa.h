// The attention backend that uses the device's own tiled kernels. Tested by attention_backend_test.cc.
#pragma once

#include <memory>

#include "braid/attention/attention_backend.h"

namespace braid {

std::unique_ptr<AttentionBackend> make_fa_attention(Ops& ops);

}  // namespace braid
