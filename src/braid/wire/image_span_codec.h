// Where an image lies in a sequence, as bytes: in plans and in requests. The numbers are not checked. Tested by
// step_plan_codec_test.cc and assignment_map_codec_test.cc.
#pragma once

#include "braid/request/image_span.h"
#include "braid/wire/step_plan_generated.h"

namespace braid {

step_plan_format::ImageSpan encode_span(const ImageSpan& span);
ImageSpan decode_span(const step_plan_format::ImageSpan& from);

}  // namespace braid
