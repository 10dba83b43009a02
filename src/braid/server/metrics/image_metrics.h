// The part of /metrics about images. Tested by server_metrics_test.cc.
#pragma once

#include "braid/server/metrics/exposition.h"
#include "braid/wire/image_counts.h"

namespace braid::metrics {

void render_images(const ImageCounts& images, Exposition& out);

}  // namespace braid::metrics
