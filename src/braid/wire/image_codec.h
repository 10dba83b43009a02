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

// An error, which names the request, if its images do not stand in order in its prompt, or if the prompt's placeholders
// are not theirs.
Status check_placeholders(const SchedulerRequest& request);

}  // namespace braid
