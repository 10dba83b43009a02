#include "braid/weights/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "braid/config/generation_config.h"
#include "braid/config/hf_config.h"
#include "braid/config/image_processor_config.h"
#include "braid/config/weight_files.h"
#include "braid/formats/input_file.h"
#include "braid/formats/json.h"
#include "braid/formats/safetensors.h"
#include "braid/weights/gguf_checkpoint.h"
#include "braid/weights/quantized_layers.h"
#include "braid/weights/stacked_experts.h"
#include "braid/weights/text_tower.h"
#include "braid/weights/vision_tensors.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxConfigBytes = int64_t{16} << 20;

Result<Json> read_json_file(const ResolvedModel& model, std::string_view name, int64_t max_bytes) {
  TRY(const std::string text, read_text_file(model.file(name), max_bytes));
  auto parsed = parse_json(text, {.max_bytes = max_bytes, .unique_keys = true});
  if (!parsed.ok()) return fail("{}: {}", name, parsed.error().message);
  return parsed;
}

// Repositories of GGUF files are directories too. Suggests the first file, which the user can name instead.
std::string name_a_gguf(const ResolvedModel& model) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(model.path, error)) {
    if (entry.path().extension() == ".gguf") names.push_back(entry.path().string());
  }
  if (names.empty()) return "";
  return fmt::format("; for a GGUF file give its own path: {}", *std::ranges::min_element(names));
}

}  // namespace

std::string describe(std::string_view name, const StoredTensor& tensor) {
  if (name == tensor.stored_name) return fmt::format("{}: tensor \"{}\"", tensor.file->name(), name);
  return fmt::format("{}: tensor \"{}\" ({})", tensor.file->name(), tensor.stored_name, name);
}

Result<Checkpoint> Checkpoint::open(const ResolvedModel& model) {
  Checkpoint checkpoint;
  checkpoint.model_ = model;
  TRY_STATUS(model.kind == ResolvedModel::Kind::kGguf ? checkpoint.open_gguf() : checkpoint.open_directory());
  ModelConfig& config = checkpoint.config_;
  if (!config.checkpoint_dtype) {
    // As transformers does: the type that the weights are stored in; here the largest tensor's type.
    const StoredTensor* largest = nullptr;
    for (const auto& [name, tensor] : checkpoint.tensors_) {
      if (largest == nullptr || tensor.num_elements() > largest->num_elements()) largest = &tensor;
    }
    config.checkpoint_dtype = largest == nullptr ? DType::kBFloat16 : largest->plain.value_or(DType::kBFloat16);
  }
  return checkpoint;
}

Status Checkpoint::open_directory() {
  config_name_ = "config.json";
  if (!is_there(model_.file("config.json"))) return fail("{} has no config.json{}", model_.path, name_a_gguf(model_));
  TRY(const Json config, read_json_file(model_, "config.json", kMaxConfigBytes));
  TRY(config_, read_hf_config(config));
  if (is_there(model_.file("generation_config.json"))) {
    TRY(const Json generation, read_json_file(model_, "generation_config.json", kMaxConfigBytes));
    TRY(generation_, read_generation_config(generation));
    TRY_STATUS(check_end_tokens(generation_, config_.vocab_size));
    if (!generation_.eos_token_ids.empty()) config_.eos_token_ids = generation_.eos_token_ids;
  }
  TRY(const WeightFiles files, list_weight_files(model_.path));
  for (const std::string& name : files.names) TRY_STATUS(add_safetensors(name));
  for (const auto& [tensor, file] : files.file_of_tensor) {
    const auto unused = unused_.find(tensor);
    const StoredTensor* const found = find(own_name(tensor));
    const InputFile* const holder = unused != unused_.end() ? unused->second : found != nullptr ? found->file : nullptr;
    if (holder == nullptr || holder->name() != file) {
      return fail("{}: tensor \"{}\" is not in {}", kWeightIndexName, tensor, file);
    }
  }
  int64_t num_activation_scales = 0;
  TRY_STATUS(combine_quantized_layers(config_, model_.path, tensors_, num_activation_scales));
  if (num_activation_scales > 0) {
    config_.notes.push_back(
        fmt::format("its scales of activations ({} tensors) are not used: activations are not rounded to them",
                    num_activation_scales));
  }
  TRY_STATUS(unstack_experts(config_, model_.path, tensors_));
  note_vision_part();
  if (config_.vision) TRY_STATUS(read_image_processor_of(*config_.vision));
  return {};
}

// A tower of which the checkpoint has no tensor at all was removed on purpose.
void Checkpoint::note_vision_part() {
  if (!unused_.empty()) {
    config_.notes.push_back(
        fmt::format("its vision part ({} tensors) is not used: text alone goes in", unused_.size()));
  }
  const auto is_vision = [](const auto& tensor) { return is_vision_tensor(tensor.first); };
  if (config_.vision && std::ranges::none_of(tensors_, is_vision)) {
    config_.vision.reset();
    config_.notes.emplace_back("it has no tensors of its vision part: text alone goes in");
  }
}

Status Checkpoint::read_image_processor_of(VisionConfig& vision) {
  TRY(config_.image_processor, load_image_processor(model_.path, {.patch_size = vision.patch_size,
                                                                  .temporal_patch_size = vision.temporal_patch_size,
                                                                  .merge_size = vision.merge_size,
                                                                  .image_size = vision.image_size}));
  if (!config_.image_processor) return {};
  vision.normalisation = config_.image_processor->normalisation;
  if (!vision.video_token) return {};
  // Without one the checkpoint still takes images.
  auto videos = load_video_processor(model_.path, *config_.image_processor, vision.kind == VisionKind::kQwen3Vl);
  if (videos.ok()) {
    config_.video_processor = *std::move(videos);
  } else {
    config_.notes.push_back("it takes no videos: " + videos.error().message);
  }
  return {};
}

std::string Checkpoint::own_name(std::string_view stored) const {
  if (!config_.is_text_tower) return std::string(stored);
  return is_vision_tensor(stored) ? vision_tensor_name(stored) : text_tower_name(stored);
}

Status Checkpoint::add_safetensors(const std::string& file_name) {
  TRY(auto opened, InputFile::open(model_.file(file_name)));
  files_.push_back(std::make_unique<InputFile>(std::move(opened)));
  const InputFile& file = *files_.back();
  TRY(auto header, read_safetensors(file));
  for (SafetensorsTensor& stored : header.tensors) {
    const bool is_vision = config_.is_text_tower && is_vision_tensor(stored.name);
    if (is_vision && !config_.vision) {
      unused_.emplace(stored.name, &file);
      continue;
    }
    StoredTensor tensor;
    tensor.stored_name = stored.name;
    tensor.shape = std::move(stored.shape);
    tensor.type_name = std::move(stored.dtype_name);
    tensor.plain = stored.dtype;
    tensor.block_bytes = static_cast<int32_t>(stored.dtype ? dtype_bytes(*stored.dtype) : 1);
    tensor.file = &file;
    tensor.offset = stored.offset;
    tensor.bytes = stored.bytes;
    const std::string name = own_name(stored.name);
    if (is_vision) view_as_matrix(name, tensor);
    const auto [place, is_new] = tensors_.emplace(name, std::move(tensor));
    if (!is_new) {
      return fail("tensor \"{}\" is in {} and in {}", place->first, place->second.file->name(), file_name);
    }
  }
  return {};
}

Status Checkpoint::open_gguf() {
  TRY(GgufParts parts, open_gguf_parts(model_.path));
  config_name_ = parts.first().name();
  TRY(auto contents, read_gguf_checkpoint(parts));
  files_ = std::move(parts.files);
  config_ = std::move(contents.config);
  generation_ = contents.generation;
  tensors_ = std::move(contents.tensors);
  return {};
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

int64_t Checkpoint::stored_bytes() const {
  int64_t total = 0;
  for (const auto& [name, tensor] : tensors_) total += tensor.bytes;
  return total;
}

}  // namespace braid
