#include "braid/wire/image_span_codec.h"

#include <algorithm>
#include <tuple>

namespace braid {

step_plan_format::ImageSpan encode_span(const ImageSpan& span) {
  const PatchGrid& grid = span.grid;
  return {span.first,
          grid.frames,
          grid.rows,
          grid.cols,
          flatbuffers::span<const uint8_t, std::tuple_size_v<ImageKey>>(span.key.data(), span.key.size()),
          span.time,
          span.continues_video};
}

ImageSpan decode_span(const step_plan_format::ImageSpan& from) {
  ImageSpan span{.first = from.first(),
                 .grid = {.frames = from.frames(), .rows = from.rows(), .cols = from.cols()},
                 .time = from.time(),
                 .continues_video = from.continues_video()};
  std::ranges::copy(*from.key(), span.key.begin());
  return span;
}

}  // namespace braid
