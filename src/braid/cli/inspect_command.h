// `braid inspect PATH`: what a checkpoint is, and whether it would run in a layout. Does not load its weights.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "braid/formats/json.h"
#include "braid/hub/model_path.h"
#include "braid/worker/rank_options.h"

namespace braid {

struct InspectReport {
  std::string path;          // resolved, if the name is in the Hugging Face cache
  std::string architecture;  // this and the following members are empty if a problem hides them
  int64_t parameters = 0;
  int64_t active_parameters = 0;  // used by one token of text
  int64_t vision_parameters = 0;  // of the vision tower; 0: there is none
  int32_t vision_blocks = 0;
  int64_t stored_bytes = 0;
  std::vector<std::string> stored_types;  // "BF16", "Q8_0", …
  int64_t bfloat16_bytes = 0;             // of the weights, loaded with --dtype bfloat16
  int64_t kv_bytes_per_token = 0;         // with --kv-cache-dtype bfloat16, over all ranks that hold it
  // For each kv_group, if layers have attention windows: its window, its layers and its part of kv_bytes_per_token.
  struct KvGroupReport {
    int32_t window = 0;  // 0: no window
    int32_t num_layers = 0;
    int64_t kv_bytes_per_token = 0;
  };
  std::vector<KvGroupReport> kv_groups;
  int64_t exchange_bytes = 0;  // of all ranks' buffers, with --dtype bfloat16; one rank: 0
  int64_t context = 0;
  int64_t vocab_size = 0;
  int32_t num_layers = 0;
  std::string tokenizer;  // "tokenizer.json, 151669 tokens"
  std::vector<std::string> chat_templates;
  std::vector<int32_t> eos_token_ids;
  std::vector<std::string> ignored;   // tensors that the model does not use
  std::vector<std::string> notes;     // what a user may want to know; the model would run all the same
  std::vector<std::string> problems;  // why it would not run

  bool would_run() const { return problems.empty(); }
};

// Of `ranks`, only the layout and the sizes of steps matter.
InspectReport inspect_model(const ResolvedModel& model, const RankOptions& ranks = {});

// Prints the report as text or as one JSON object. Returns the exit code: 0 if it would run, else 1.
int run_inspect(const std::string& model_path, const ModelPathEnvironment& environment, const RankOptions& ranks,
                bool as_json, std::ostream& out);

}  // namespace braid
