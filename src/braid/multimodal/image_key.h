// An image's identity. Tested by image_key_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "braid/config/image_processor_config.h"
#include "braid/request/image_patches.h"

namespace braid {

// SHA-256 of the bytes as they were sent, and of every setting on which the patches depend. Two images with one key
// have the same patches: nobody can make two that differ.
ImageKey image_key(std::span<const uint8_t> bytes, const ImageProcessorConfig& config);

}  // namespace braid
