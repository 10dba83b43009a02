// Images in a decoder's residual stream. Tested by image_rows_test.cc and worker/image_prompts_test.cc.
#pragma once

#include "braid/base/index_range.h"
#include "braid/model/step.h"
#include "braid/tensor/rows.h"

namespace braid {

// `rows`: the residual stream's, of the part's rows of the group those in `own`.

// Writes the images' features over the embeddings of their placeholders.
void put_image_embeddings(const Step& step, const IndexRange& own, const Rows& rows);

// Adds what joins after layer `layer` (DeepStack, arXiv 2406.04334), if anything does.
void add_deepstack(const Step& step, size_t layer, const IndexRange& own, const Rows& rows);

}  // namespace braid
