// Post-processors put special tokens around a text. Tested by ../combinations_reference_test.cc.
#pragma once

#include <memory>
#include <vector>

#include "braid/tokenizer/parts/parts.h"

namespace braid {

// One step of a template: ids to insert, or the text if there are none.
struct TemplateStep {
  bool is_text = false;
  std::vector<TokenId> ids;
};
std::unique_ptr<PostProcessor> make_template_processing(std::vector<TemplateStep> steps);
// Changes nothing (ByteLevel only adjusts offsets, which braid does not keep).
std::unique_ptr<PostProcessor> make_no_post_processing();
std::unique_ptr<PostProcessor> make_post_processor_sequence(std::vector<std::unique_ptr<PostProcessor>> parts);

}  // namespace braid
