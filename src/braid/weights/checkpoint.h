// One view of a model on disk, for both formats: a Hugging Face directory of safetensors, or a GGUF file. Its tensors
// have Hugging Face's names.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/formats/resolved_model.h"
#include "braid/weights/stored_tensor.h"

namespace braid {

class Checkpoint {
 public:
  // Opens the files and reads their headers, not the weights. (Tokenizer and templates:
  // tokenizer/loading/text_assets.h.)
  static Result<Checkpoint> open(const ResolvedModel& model);

  const ModelConfig& config() const { return config_; }
  const GenerationDefaults& generation() const { return generation_; }
  // The source of the configuration, for errors: "config.json" or the GGUF file's name.
  const std::string& config_name() const { return config_name_; }
  const ResolvedModel& model() const { return model_; }

  // By the model's own names: in a vision-language checkpoint, those of its text tower (text_tower.h) and of its vision
  // tower (vision_tensors.h). Null: no such tensor.
  const StoredTensor* find(std::string_view name) const;
  const std::map<std::string, StoredTensor, std::less<>>& tensors() const { return tensors_; }

  int64_t stored_bytes() const;  // of all tensors

  // The files with tensors.
  std::span<const std::unique_ptr<InputFile>> files() const { return files_; }

 private:
  Checkpoint() = default;
  Status open_directory();
  Status open_gguf();
  Status add_safetensors(const std::string& file_name);
  Status read_image_processor_of(VisionConfig& vision);
  void note_vision_part();
  std::string own_name(std::string_view stored) const;  // of a tensor

  ResolvedModel model_;
  std::string config_name_;
  ModelConfig config_;
  GenerationDefaults generation_;
  std::vector<std::unique_ptr<InputFile>> files_;  // tensors_ points to them
  std::map<std::string, StoredTensor, std::less<>> tensors_;
  // With ModelConfig::is_text_tower, but without ModelConfig::vision: the tensors outside the text tower, by name.
  std::map<std::string, const InputFile*, std::less<>> unused_;
};

// model-00001-of-00002.safetensors: tensor "model.norm.weight"
std::string describe(std::string_view name, const StoredTensor& tensor);

}  // namespace braid
