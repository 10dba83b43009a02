// Puts a request's images and videos into its prompt: in place of each of the model's image tokens as many placeholders
// as the image has tokens, and in place of each video token those of its frames. Only headers are read. Tested by
// engine_images_test.cc and image_placer_test.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/request/generation.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

class ImagePlacer {
 public:
  // For a model that takes images. The tokenizer outlives the placer.
  ImagePlacer(const ModelConfig& config, const Tokenizer& tokenizer)
      : vision_(*config.vision),
        processor_(*config.image_processor),
        videos_(config.video_processor),
        tokenizer_(tokenizer) {}

  bool takes_videos() const { return videos_.has_value(); }

  // A prompt's text as the model's processor spells it before it is encoded: Gemma 3's chat template writes only an
  // image's first token.
  std::string spell(std::string text) const;

  // Sets the images' spans, and the prompt's placeholders; the prompt is token ids. Videos become images, one for each
  // temporal patch of frames. Nothing to do for images that are placed already. An error names the image or video by
  // its number.
  Status place(GenerationRequest& request) const;

  // The request's prompt with the model's image or video token in place of each placeholder, for clients.
  std::vector<TokenId> plain(const GenerationRequest& request) const;

 private:
  // A prompt with placeholders, as far as it is laid out.
  struct Layout {
    std::vector<TokenId> prompt;
    std::vector<RequestImage> images;
    void add(RequestImage image);
  };

  Status check_counts(const GenerationRequest& request) const;
  Result<RequestImage> placed(RequestImage image) const;
  Status add_video(const RequestVideo& video, Layout& layout) const;

  VisionConfig vision_;
  ImageProcessorConfig processor_;
  std::optional<VideoProcessorConfig> videos_;
  const Tokenizer& tokenizer_;
};

}  // namespace braid
