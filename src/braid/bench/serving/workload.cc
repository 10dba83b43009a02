#include "braid/bench/serving/workload.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <sstream>
#include <utility>

#include "braid/cli/lines.h"
#include "braid/formats/input_file.h"
#include "braid/formats/json.h"

namespace braid::serving {
namespace {

using Random = std::mt19937_64;

// In [low, high]. (The standard library's distributions differ between implementations.)
int64_t draw_between(Random& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

std::vector<TokenId> draw_ids(Random& random, const WorkloadOptions& options, int64_t count) {
  std::vector<TokenId> ids(static_cast<size_t>(count));
  for (TokenId& id : ids) {
    id = static_cast<TokenId>(draw_between(random, options.num_reserved_ids, options.vocab_size - 1));
  }
  return ids;
}

// In [0, 1).
double draw_uniform(Random& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

std::vector<Prompt> heavy_tail_prompts(const WorkloadOptions& options, Random& random) {
  const auto draw_len = [&](int32_t longest) {
    const double least = std::max(1.0, longest / 16.0);
    return static_cast<int32_t>(std::min<double>(longest, least / (1 - draw_uniform(random))));
  };
  std::vector<Prompt> prompts;
  for (int32_t i = 0; i < options.num_prompts; ++i) {
    const int32_t input_len = draw_len(options.input_len);
    const int32_t output_len = draw_len(options.output_len);
    prompts.push_back({.content = draw_ids(random, options, input_len), .output_len = output_len});
  }
  return prompts;
}

std::vector<Prompt> shared_prefix_prompts(const WorkloadOptions& options, Random& random) {
  std::vector<Prompt> prompts;
  for (int32_t number = 0; number < options.num_prefixes; ++number) {
    const std::vector<TokenId> prefix = draw_ids(random, options, options.prefix_len);
    for (int32_t i = 0; i < options.prompts_per_prefix; ++i) {
      std::vector<TokenId> ids = prefix;
      const std::vector<TokenId> question = draw_ids(random, options, options.question_len);
      ids.insert(ids.end(), question.begin(), question.end());
      prompts.push_back({.content = std::move(ids), .output_len = options.question_output_len});
    }
  }
  for (size_t i = prompts.size(); i > 1; --i) std::swap(prompts[i - 1], prompts[random() % i]);
  return prompts;
}

// Words of one to four letters, for servers whose tokenizer is not at hand.
std::string draw_words(Random& random, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) text += ' ';
    for (int64_t left = draw_between(random, 1, 4); left > 0; --left) {
      text += static_cast<char>(draw_between(random, 'a', 'z'));
    }
  }
  return text;
}

// Lengths and arrivals are those of random_prompts(), whatever share of the prompts has images.
std::vector<Prompt> image_prompts(const WorkloadOptions& options, const Tokenizer* tokenizer, Random& random) {
  std::vector<Prompt> prompts = random_prompts(options);
  for (Prompt& prompt : prompts) {
    if (tokenizer == nullptr) {
      prompt.content = draw_words(random, std::ssize(std::get<std::vector<TokenId>>(prompt.content)));
    }
    if (draw_uniform(random) >= options.image_share) continue;
    for (int32_t i = 0; i < options.image_count; ++i) {
      prompt.images.push_back(
          data_url(options.image_format, random_image(options.image_size, options.image_format, random())));
    }
  }
  return prompts;
}

Result<std::string> read_dataset(const std::string& path) {
  auto text = read_text_file(path, int64_t{4} << 30);
  if (!text.ok()) return fail("--dataset-path: {}", text.error().message);
  return text;
}

// nullptr if it has none.
const std::string* text_of_turn(const Json& turn) {
  const auto found = turn.is_object() ? turn.find("value") : turn.end();
  return found == turn.end() || !found->is_string() ? nullptr : &found->get_ref<const std::string&>();
}

// [{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}, …]}, …]: takes the first
// question, and as many tokens as its answer has.
Result<std::vector<Prompt>> sharegpt_prompts(const WorkloadOptions& options, const Tokenizer* tokenizer,
                                             Random& random) {
  if (tokenizer == nullptr && options.fixed_output_len == 0) {
    return fail("--dataset-name sharegpt needs --tokenizer-path, or --sharegpt-output-len");
  }
  TRY(const std::string text, read_dataset(options.path));
  const auto conversations = parse_json(text, {.max_bytes = int64_t{4} << 30, .max_values = 100'000'000});
  if (!conversations.ok()) return fail("{}: {}", options.path, conversations.error().message);
  if (!conversations->is_array()) return fail("{}: must be an array of conversations", options.path);
  std::vector<std::pair<std::string, std::string>> turns;
  for (const Json& conversation : *conversations) {
    const auto found = conversation.is_object() ? conversation.find("conversations") : conversation.end();
    if (found == conversation.end() || !found->is_array() || found->size() < 2) continue;
    const auto* question = text_of_turn((*found)[0]);
    const auto* answer = text_of_turn((*found)[1]);
    if (question != nullptr && answer != nullptr) turns.emplace_back(*question, *answer);
  }
  for (size_t i = turns.size(); i > 1; --i) std::swap(turns[i - 1], turns[random() % i]);
  std::vector<Prompt> prompts;
  for (auto& [question, answer] : turns) {
    if (prompts.size() == static_cast<size_t>(options.num_prompts)) break;
    const auto answer_len = options.fixed_output_len > 0
                                ? options.fixed_output_len
                                : static_cast<int32_t>(tokenizer->encode(answer, false).size());
    if (question.empty() || answer_len < 1) continue;
    prompts.push_back({.content = std::move(question), .output_len = answer_len});
  }
  if (prompts.empty()) return fail("{}: no conversation of two turns", options.path);
  return prompts;
}

// Lines of {"prompt": "text" or [ids], "output_len": 64}.
Result<std::vector<Prompt>> jsonl_prompts(const WorkloadOptions& options) {
  TRY(const std::string text, read_dataset(options.path));
  std::istringstream lines(text);
  std::vector<Prompt> prompts;
  std::string line;
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    if (prompts.size() == static_cast<size_t>(options.num_prompts)) break;
    if (is_blank(line)) continue;
    const auto wrong = [&](std::string_view what) { return fail("{}:{}: {}", options.path, number, what); };
    auto parsed = parse_json(line);
    if (!parsed.ok()) return wrong(parsed.error().message);
    const Json& object = *parsed;
    if (!object.is_object() || !object.contains("prompt")) return wrong("must be an object with \"prompt\"");
    Prompt prompt{.output_len = options.fixed_output_len > 0 ? options.fixed_output_len : options.output_len};
    const Json& content = object["prompt"];
    if (content.is_string()) {
      prompt.content = content.get<std::string>();
    } else if (content.is_array() && !content.empty() && std::ranges::all_of(content, [](const Json& id) {
                 return id.is_number_unsigned() && id <= INT32_MAX;
               })) {
      prompt.content = content.get<std::vector<TokenId>>();
    } else {
      return wrong("\"prompt\" must be a string or a list of token ids");
    }
    if (const auto length = object.find("output_len"); length != object.end() && options.fixed_output_len == 0) {
      if (!length->is_number_integer() || length->get<int64_t>() < 1 || length->get<int64_t>() > INT32_MAX) {
        return wrong("\"output_len\" must be an integer of at least 1");
      }
      prompt.output_len = length->get<int32_t>();
    }
    prompts.push_back(std::move(prompt));
  }
  if (prompts.empty()) return fail("{}: no prompts", options.path);
  return prompts;
}

Status check(const WorkloadOptions& options) {
  if (options.vocab_size <= options.num_reserved_ids) {  // a tokenizer may have set it
    return fail("a vocabulary of {} ids: must be above {}", options.vocab_size, options.num_reserved_ids);
  }
  const bool needs_path = options.dataset == Dataset::kShareGpt || options.dataset == Dataset::kJsonl;
  if (needs_path && options.path.empty()) return fail("--dataset-path is needed for this --dataset-name");
  // Prompts are made before the first one is sent.
  constexpr int64_t kMaxTokens = int64_t{1} << 28;
  const bool has_prefixes = options.dataset == Dataset::kSharedPrefix;
  const int64_t count =
      has_prefixes ? int64_t{options.num_prefixes} * options.prompts_per_prefix : int64_t{options.num_prompts};
  const int64_t length = has_prefixes ? int64_t{options.prefix_len} + options.question_len : options.input_len;
  if (!needs_path && count > kMaxTokens / length) {
    return fail("{} prompts of {} tokens: together they must have at most {} tokens", count, length, kMaxTokens);
  }
  constexpr int64_t kMaxPixels = int64_t{1} << 31;  // some 2 GB of URLs
  const int64_t num_images = int64_t{options.num_prompts} * options.image_count;
  const int64_t num_pixels = int64_t{options.image_size.width} * options.image_size.height;
  if (options.dataset == Dataset::kRandomImage && num_images > kMaxPixels / num_pixels) {
    return fail("{} images of {} x {} pixels: together they must have at most {} pixels", num_images,
                options.image_size.width, options.image_size.height, kMaxPixels);
  }
  return {};
}

}  // namespace

Result<Dataset> parse_dataset(const std::string& name) {
  if (name == "random") return Dataset::kRandom;
  if (name == "heavy-tail") return Dataset::kHeavyTail;
  if (name == "sharegpt") return Dataset::kShareGpt;
  if (name == "generated-shared-prefix") return Dataset::kSharedPrefix;
  if (name == "jsonl") return Dataset::kJsonl;
  if (name == "random-image") return Dataset::kRandomImage;
  return fail("--dataset-name {}: must be random, heavy-tail, sharegpt, generated-shared-prefix, jsonl or random-image",
              name);
}

Result<std::vector<Prompt>> make_workload(const WorkloadOptions& options, const Tokenizer* tokenizer) {
  TRY_STATUS(check(options));
  Random random(options.seed);
  switch (options.dataset) {
    case Dataset::kShareGpt:
      return sharegpt_prompts(options, tokenizer, random);
    case Dataset::kSharedPrefix:
      return shared_prefix_prompts(options, random);
    case Dataset::kJsonl:
      return jsonl_prompts(options);
    case Dataset::kHeavyTail:
      return heavy_tail_prompts(options, random);
    case Dataset::kRandomImage:
      return image_prompts(options, tokenizer, random);
    case Dataset::kRandom:
      break;
  }
  return random_prompts(options);
}

std::vector<Prompt> random_prompts(const WorkloadOptions& options) {
  Random random(options.seed);
  const auto draw_len = [&](int32_t length) {
    const auto least = static_cast<int64_t>(static_cast<double>(length) * options.range_ratio);
    return draw_between(random, std::max<int64_t>(least, 1), length);
  };
  std::vector<Prompt> prompts;
  for (int32_t i = 0; i < options.num_prompts; ++i) {
    const int64_t input_len = draw_len(options.input_len);
    const auto output_len = static_cast<int32_t>(draw_len(options.output_len));
    prompts.push_back({.content = draw_ids(random, options, input_len), .output_len = output_len});
  }
  return prompts;
}

std::vector<double> arrival_gaps(size_t num_requests, double rate, uint64_t seed) {
  std::vector<double> gaps(num_requests);
  if (!std::isfinite(rate)) return gaps;
  Random random(seed);
  for (double& gap : gaps) gap = -std::log1p(-draw_uniform(random)) / rate;
  return gaps;
}

}  // namespace braid::serving
