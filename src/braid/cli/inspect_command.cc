#include "braid/cli/inspect_command.h"

#include <fmt/format.h>

#include <cmath>
#include <ostream>
#include <set>

#include "braid/base/system_info.h"
#include "braid/base/thread_team.h"
#include "braid/hub/model_path.h"
#include "braid/model/load_model.h"
#include "braid/model/local_shape.h"
#include "braid/model/registry.h"
#include "braid/model/vision/vision_tower.h"
#include "braid/tokenizer/chat_template.h"
#include "braid/tokenizer/loading/make_tokenizer.h"
#include "braid/tokenizer/loading/text_assets.h"
#include "braid/weights/text_tower.h"
#include "braid/weights/weight_table.h"
#include "braid/worker/rank_set.h"

namespace braid {
namespace {

constexpr size_t kMaxProblems = 20;
constexpr size_t kMaxIgnoredInText = 8;

// Reports the errors in norms and biases that loading would find.
void check_vectors(const WeightTable& table, const Checkpoint& checkpoint, InspectReport& report) {
  for (const WeightSpec& spec : table) {
    const StoredTensor* const tensor = spec.shape.size() == 1 ? checkpoint.find(spec.name) : nullptr;
    if (tensor == nullptr || !tensor->is_usable() || tensor->shape != spec.shape) continue;
    std::vector<float> values(static_cast<size_t>(tensor->num_elements()));
    if (const Status status = tensor->read_rows(0, make_rows(values.data(), tensor->rows(), tensor->cols()));
        !status.ok()) {
      report.problems.push_back(status.error().message);
      continue;
    }
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) continue;
      report.problems.push_back(
          fmt::format("{} has a value that is not finite ({} at {})", describe(spec.name, *tensor), values[i], i));
      break;
    }
    if (report.problems.size() >= kMaxProblems) return;
  }
}

// Reports the errors in codes, scales and zero points that loading would find, those of FP8 codes and of GGUF's blocks
// by reading whole tensors: on all cores.
void check_quantized(const Checkpoint& checkpoint, InspectReport& report) {
  std::vector<const StoredTensor*> tensors;
  for (const auto& [name, tensor] : checkpoint.tensors()) tensors.push_back(&tensor);
  std::vector<Status> results(tensors.size());
  ThreadTeam team(available_cores());
  team.run_pieces(std::ssize(tensors), [&](const WorkPiece& piece) {
    const auto at = static_cast<size_t>(piece.index);
    results[at] = tensors[at]->check_codes_and_scales();
  });
  for (const Status& result : results) {
    if (report.problems.size() >= kMaxProblems) return;
    if (!result.ok()) report.problems.push_back(result.error().message);
  }
}

int64_t count_active(const WeightTable& table, const ModelConfig& config) {
  int64_t total = 0;
  for (const WeightSpec& spec : table) {
    if (config.vision && is_vision_tensor(spec.name)) continue;
    int64_t elements = is_expert(spec.shard) ? config.moe.experts_per_token : 1;
    for (const int64_t size : spec.shape) elements *= size;
    total += elements;
  }
  return total;
}

void inspect_layout(const ModelConfig& config, const RankOptions& ranks, InspectReport& report) {
  const ParallelLayout& layout = ranks.layout;
  if (const Status checked = check_layout(layout, layout_model(config)); !checked.ok()) {
    report.problems.push_back(checked.error().message);
    return;
  }
  const int32_t num_kv_heads = local_shape(config, place_of(layout, 0)).num_kv_heads() * layout.attn_tp_size();
  const int64_t layer_bytes = int64_t{2} * 2 * num_kv_heads * config.head_dim;
  report.kv_bytes_per_token = layer_bytes * config.num_layers;
  if (const KvGroups groups(config.layer_windows, config.num_layers); groups.count() > 1 || groups.windows[0] > 0) {
    for (size_t i = 0; i < groups.windows.size(); ++i) {
      report.kv_groups.push_back({.window = groups.windows[i],
                                  .num_layers = groups.num_layers[i],
                                  .kv_bytes_per_token = layer_bytes * groups.num_layers[i]});
    }
  }
  report.exchange_bytes = exchange_buffer_bytes(config, ranks, DType::kBFloat16);
}

void inspect_weights(const Checkpoint& checkpoint, const RankOptions& ranks, InspectReport& report) {
  const ModelConfig& config = checkpoint.config();
  report.architecture = config.architecture;
  report.context = config.max_position;
  report.vocab_size = config.vocab_size;
  report.num_layers = config.num_layers;
  inspect_layout(config, ranks, report);
  report.stored_bytes = checkpoint.stored_bytes();
  report.eos_token_ids = config.eos_token_ids;
  std::set<std::string> types;
  for (const auto& [name, tensor] : checkpoint.tensors()) types.insert(tensor.type_name);
  report.stored_types.assign(types.begin(), types.end());
  report.notes.insert(report.notes.end(), config.notes.begin(), config.notes.end());
  if (config.eos_token_ids.empty()) report.notes.emplace_back("no end-of-sequence id: answers end by length alone");

  const ModelFamily* const family = find_family(config.architecture);
  if (family == nullptr) {
    report.problems.push_back(fmt::format("the architecture {} is not supported", config.architecture));
    return;
  }
  const WeightTable table = family->weights(config);
  const auto ignored = ignored_tensors(checkpoint);
  report.parameters = num_parameters(table, config);
  report.active_parameters = count_active(table, config);
  if (config.vision) {
    report.vision_blocks = config.vision->depth;
    report.vision_parameters = num_parameters(vision_tensors(*config.vision), config);
  }
  report.bfloat16_bytes = report.parameters * dtype_bytes(DType::kBFloat16);
  const DType dtype = chosen_dtype(ranks, config);
  report.weight_uses = expected_uses(table, checkpoint, dtype, chosen_quantization(ranks, config));
  report.ignored = list_ignored(table, ignored, checkpoint);
  const auto problems = find_weight_problems(table, ignored, checkpoint, kMaxProblems);
  report.problems.insert(report.problems.end(), problems.begin(), problems.end());
  check_vectors(table, checkpoint, report);
  check_quantized(checkpoint, report);
}

void inspect_text(const ResolvedModel& model, InspectReport& report) {
  const auto assets = read_text_assets(model);
  if (!assets.ok()) {
    report.problems.push_back(assets.error().message);
    return;
  }
  if (std::holds_alternative<std::monostate>(assets->tokenizer)) {
    report.notes.emplace_back("no tokenizer: generate, chat, batch and serve need one, by --tokenizer-path");
  } else if (const auto tokenizer = make_tokenizer(*assets, model.path); tokenizer.ok()) {
    const auto* const vocabulary = std::get_if<GgufVocabulary>(&assets->tokenizer);
    report.tokenizer = fmt::format(
        "{}, {} tokens",
        vocabulary == nullptr ? "tokenizer.json" : fmt::format("GGUF {} {}", vocabulary->model, vocabulary->pre),
        (*tokenizer)->vocab_size());
    if (report.vocab_size > 0 && (*tokenizer)->vocab_size() > report.vocab_size) {
      report.notes.push_back(
          fmt::format("the tokenizer has {} ids, the model {}", (*tokenizer)->vocab_size(), report.vocab_size));
    }
  } else {
    report.problems.push_back(tokenizer.error().message);
  }
  for (const ChatTemplateSource& source : assets->chat_templates) {
    report.chat_templates.push_back(source.name);
    if (const auto parsed = ChatTemplate::parse(source.text); !parsed.ok()) {
      report.problems.push_back(fmt::format("chat template \"{}\": {}", source.name, parsed.error().message));
    }
  }
  if (assets->chat_templates.empty()) report.notes.emplace_back("no chat template");
}

Json as_json_object(const InspectReport& report) {
  Json kv_groups = Json::array();
  for (const auto& group : report.kv_groups) {
    kv_groups.push_back(
        {{"window", group.window}, {"num_layers", group.num_layers}, {"kv_bytes_per_token", group.kv_bytes_per_token}});
  }
  Json weights = Json::array();
  for (const auto& [use, bytes] : report.weight_uses.bytes()) {
    weights.push_back({{"type", use.first}, {"stored_bytes", bytes}, {"computed_bits", use.second}});
  }
  return {{"path", report.path},
          {"would_run", report.would_run()},
          {"architecture", report.architecture},
          {"parameters", report.parameters},
          {"active_parameters", report.active_parameters},
          {"vision_parameters", report.vision_parameters},
          {"stored_bytes", report.stored_bytes},
          {"stored_types", report.stored_types},
          {"bfloat16_bytes", report.bfloat16_bytes},
          {"weights", weights},
          {"kv_bytes_per_token", report.kv_bytes_per_token},
          {"kv_groups", kv_groups},
          {"exchange_bytes", report.exchange_bytes},
          {"context", report.context},
          {"vocab_size", report.vocab_size},
          {"num_layers", report.num_layers},
          {"tokenizer", report.tokenizer},
          {"chat_templates", report.chat_templates},
          {"eos_token_ids", report.eos_token_ids},
          {"ignored", report.ignored},
          {"notes", report.notes},
          {"problems", report.problems}};
}

// 1234567890 as "1.23 billion".
std::string in_words(int64_t count) {
  const auto value = static_cast<double>(count);
  if (count >= 1'000'000'000) return fmt::format("{:.2f} billion", value / 1e9);
  if (count >= 1'000'000) return fmt::format("{:.1f} million", value / 1e6);
  return std::to_string(count);
}

std::string in_bytes(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= 1'000'000'000) return fmt::format("{:.2f} GB", value / 1e9);
  if (bytes >= 1'000'000) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.1f} kB", value / 1e3);
}

void print_text(const InspectReport& report, std::ostream& out) {
  const auto line = [&](std::string_view name, const std::string& value) {
    out << fmt::format("{:<16} {}\n", name, value);
  };
  line("path", report.path);
  if (!report.architecture.empty()) {
    line("architecture", fmt::format("{}, {} layers", report.architecture, report.num_layers));
    line("parameters", fmt::format("{}{}", in_words(report.parameters),
                                   report.active_parameters == report.parameters
                                       ? ""
                                       : fmt::format(", {} active", in_words(report.active_parameters))));
    if (report.vision_blocks > 0) {
      line("vision tower",
           fmt::format("{} blocks, {} of the parameters", report.vision_blocks, in_words(report.vision_parameters)));
    }
    line("stored", fmt::format("{} as {}", in_bytes(report.stored_bytes), fmt::join(report.stored_types, ", ")));
    line("computed", report.weight_uses.text());
    line("in bfloat16", in_bytes(report.bfloat16_bytes));
    line("KV a token", fmt::format("{} in bfloat16", in_bytes(report.kv_bytes_per_token)));
    for (const auto& group : report.kv_groups) {
      const std::string kept =
          group.window == 0 ? "all of a sequence" : fmt::format("its last {} tokens", group.window);
      line("", fmt::format("{} in {} layers that keep {}", in_bytes(group.kv_bytes_per_token), group.num_layers, kept));
    }
    if (report.exchange_bytes > 0) line("exchange buffers", in_bytes(report.exchange_bytes));
    line("context", fmt::format("{} tokens", report.context));
    line("vocabulary", std::to_string(report.vocab_size));
  }
  if (!report.tokenizer.empty()) line("tokenizer", report.tokenizer);
  if (!report.chat_templates.empty()) line("chat templates", fmt::format("{}", fmt::join(report.chat_templates, ", ")));
  for (size_t i = 0; i < report.ignored.size() && i < kMaxIgnoredInText; ++i) line("ignored", report.ignored[i]);
  if (report.ignored.size() > kMaxIgnoredInText) {
    line("ignored", fmt::format("and {} tensors more", report.ignored.size() - kMaxIgnoredInText));
  }
  for (const std::string& note : report.notes) line("note", note);
  for (const std::string& problem : report.problems) line("problem", problem);
  line("verdict", report.would_run() ? "it would run" : "it would not run");
}

}  // namespace

InspectReport inspect_model(const ResolvedModel& model, const RankOptions& ranks) {
  InspectReport report;
  report.path = model.path;
  if (const auto checkpoint = Checkpoint::open(model); checkpoint.ok()) {
    inspect_weights(*checkpoint, ranks, report);
  } else {
    report.problems.push_back(checkpoint.error().message);
  }
  inspect_text(model, report);
  // Weights and text both report a file that cannot be read.
  std::vector<std::string> distinct;
  for (std::string& problem : report.problems) {
    if (std::ranges::find(distinct, problem) == distinct.end()) distinct.push_back(std::move(problem));
  }
  report.problems = std::move(distinct);
  return report;
}

int run_inspect(const std::string& model_path, const ModelPathEnvironment& environment, const RankOptions& ranks,
                bool as_json, std::ostream& out) {
  InspectReport report;
  if (const auto model = resolve_model_path(model_path, environment); model.ok()) {
    report = inspect_model(*model, ranks);
  } else {
    report.path = model_path;
    report.problems.push_back(model.error().message);
  }
  if (as_json) {
    out << as_json_object(report).dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    print_text(report, out);
  }
  return report.would_run() ? 0 : 1;
}

}  // namespace braid
