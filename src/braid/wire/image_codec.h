// The images of a request that travels with its assignment. Tested by assignment_map_codec_test.cc.
#pragma once

#include <vector>

#include "braid/base/result.h"
#include "braid/request/scheduler_request.h"
#include "braid/wire/assignment_map_generated.h"
#include "braid/wire/flat_parts.h"

namespace braid {

using FlatImages = flatbuffers::Vector<flat::Offset<assignment_map_format::Image>>;

flat::VectorOffset<flat::Offset<assignment_map_format::Image>> encode_images(flat::Builder& builder,
                                                                             const std::vector<RequestImage>& images);

Result<std::vector<RequestImage>> decode_images(const FlatImages* from);

}  // namespace braid
