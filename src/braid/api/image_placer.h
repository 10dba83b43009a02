// Puts a request's images into its prompt: in place of each of the model's image tokens as many placeholders as the
// image has tokens. Only headers of images are read. Tested by engine_images_test.cc.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/config/image_processor_config.h"
#include "braid/config/vision_config.h"
#include "braid/request/generation.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

class ImagePlacer {
 public:
  // The tokenizer outlives the placer.
  ImagePlacer(VisionConfig vision, ImageProcessorConfig processor, const Tokenizer& tokenizer)
      : vision_(std::move(vision)), processor_(std::move(processor)), tokenizer_(tokenizer) {}

  // A prompt's text as the model's processor spells it before it is encoded: Gemma 3's chat template writes only an
  // image's first token.
  std::string spell(std::string text) const;

  // Sets the images' spans, and the prompt's placeholders; the prompt is token ids. Nothing to do for images that are
  // placed already. An error names the image by its number.
  Status place(GenerationRequest& request) const;

  // The same prompt with the model's image token in place of each placeholder, for clients.
  std::vector<TokenId> plain(std::span<const TokenId> prompt) const;

 private:
  Result<ImageSpan> span_of(const RequestImage& image) const;

  VisionConfig vision_;
  ImageProcessorConfig processor_;
  const Tokenizer& tokenizer_;
};

}  // namespace braid
