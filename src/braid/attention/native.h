// The attention backend in plain C++: portable, and short enough to check against the paper. Tested by
// attention_backend_test.cc.
#pragma once

#include <memory>

#include "braid/attention/attention_backend.h"

namespace braid {

std::unique_ptr<AttentionBackend> make_native_attention(Ops& ops);

}  // namespace braid
