#include "braid/tokenizer/parts/post_processors.h"

#include <utility>

namespace braid {
namespace {

class TemplateProcessing final : public PostProcessor {
 public:
  explicit TemplateProcessing(std::vector<TemplateStep> steps) : steps_(std::move(steps)) {}
  void add_special_tokens(std::vector<TokenId>& ids) const override {
    std::vector<TokenId> out;
    for (const TemplateStep& step : steps_) {
      const std::vector<TokenId>& added = step.is_text ? ids : step.ids;
      out.insert(out.end(), added.begin(), added.end());
    }
    ids = std::move(out);
  }

 private:
  std::vector<TemplateStep> steps_;
};

class SequencePostProcessor final : public PostProcessor {
 public:
  explicit SequencePostProcessor(std::vector<std::unique_ptr<PostProcessor>> parts) : parts_(std::move(parts)) {}
  void add_special_tokens(std::vector<TokenId>& ids) const override {
    for (const auto& part : parts_) part->add_special_tokens(ids);
  }

 private:
  std::vector<std::unique_ptr<PostProcessor>> parts_;
};

}  // namespace

std::unique_ptr<PostProcessor> make_template_processing(std::vector<TemplateStep> steps) {
  return std::make_unique<TemplateProcessing>(std::move(steps));
}

std::unique_ptr<PostProcessor> make_no_post_processing() {
  return make_post_processor_sequence({});
}

std::unique_ptr<PostProcessor> make_post_processor_sequence(std::vector<std::unique_ptr<PostProcessor>> parts) {
  return std::make_unique<SequencePostProcessor>(std::move(parts));
}

}  // namespace braid
