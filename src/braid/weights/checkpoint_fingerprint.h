// Tells checkpoints apart without reading all of them: for processes of several hosts, which must have the same one.
// Tested by checkpoint_fingerprint_test.cc.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/weights/checkpoint.h"

namespace braid {

// 16 hexadecimal digits, of the configuration and, of each file with tensors, its name, its size, and its first and its
// last mebibyte: headers are there.
Result<std::string> checkpoint_fingerprint(const Checkpoint& checkpoint);

}  // namespace braid
