#include "tests/support/model_fixture.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "braid/base/check.h"
#include "tests/support/sanitizer.h"

namespace braid::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

DType dtype_named(const std::string& name) {
  if (name == "F32") return DType::kFloat32;
  if (name == "F16") return DType::kFloat16;
  CHECK(name == "BF16", "dtype {}", name);
  return DType::kBFloat16;
}

std::vector<float> read_floats(const fs::path& file) {
  std::vector<float> values(fs::file_size(file) / sizeof(float));
  std::ifstream in(file, std::ios::binary);
  in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  CHECK(in.good(), "cannot read {}", file.string());
  return values;
}

FixtureTensor tensor_from(const json& entry, DType stored) {
  FixtureTensor tensor{.name = entry.at("name"),
                       .shape = entry.at("shape").get<std::vector<int64_t>>(),
                       .dtype = stored,
                       .seeded_as = {}};
  tensor.seeded_as = entry.value("same_as", tensor.name);
  const std::string type = entry.value("dtype", "");
  if (entry.contains("values")) {
    tensor.type = type;
    tensor.values = entry.at("values").get<std::vector<int64_t>>();
  } else if (entry.contains("bytes")) {
    tensor.type = type;
    tensor.bytes = {
        .low = entry.at("bytes").at(0), .high = entry.at("bytes").at(1), .is_signed = entry.value("signed", false)};
  } else {
    if (!type.empty()) tensor.dtype = dtype_named(type);
    tensor.scale = entry.at("scale");
    tensor.offset = entry.at("offset");
  }
  return tensor;
}

// Log-probabilities of a row of logits, in double precision.
std::vector<double> log_softmax(std::span<const float> row) {
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const float value : row) sum += std::exp(value - top);
  std::vector<double> out;
  out.reserve(row.size());
  for (const float value : row) out.push_back(value - top - std::log(sum));
  return out;
}

std::vector<std::string> names_with(const std::string& file) {
  std::vector<std::string> names;
  std::error_code not_there;  // no fixtures if the program starts in another folder; GoogleTest reports that
  for (const auto& entry : fs::directory_iterator(model_fixtures_folder(), not_there)) {
    if (fs::exists(entry.path() / file)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

fs::path model_fixtures_folder() {
  return "tests/fixtures/models";
}

// Models to try have no expected logits.
std::vector<std::string> checkpoint_fixture_names() {
  std::vector<std::string> names = names_with("config.json");
  std::erase_if(names,
                [](const std::string& name) { return !fs::exists(model_fixtures_folder() / name / "fixture.json"); });
  return names;
}

std::vector<std::string> gguf_fixture_names() {
  return names_with("model.gguf");
}

std::vector<std::string> tested_checkpoint_names() {
  std::vector<std::string> names = checkpoint_fixture_names();
  if (!kUnderSanitizer) return names;
  std::map<std::string, std::string> last_of;  // by architecture, or by how weights are quantized
  for (const std::string& name : names) {
    std::ifstream in(model_fixtures_folder() / name / "config.json");
    const json config = json::parse(in);
    const std::string architecture = config.at("architectures").at(0);
    const auto quantization = config.find("quantization_config");
    last_of[quantization == config.end() ? architecture : quantization->at("quant_method").get<std::string>()] = name;
  }
  names.clear();
  for (const auto& [kind, name] : last_of) names.push_back(name);
  return names;
}

std::vector<std::string> tested_gguf_names() {
  return kUnderThreadSanitizer ? std::vector<std::string>() : gguf_fixture_names();
}

ModelFixture read_model_fixture(const std::string& name) {
  ModelFixture fixture;
  fixture.name = name;
  fixture.folder = model_fixtures_folder() / name;
  std::ifstream in(fixture.folder / "fixture.json");
  CHECK(in.good(), "no fixture.json in {}", fixture.folder.string());
  const json root = json::parse(in);
  fixture.vocab = root.at("vocab");
  fixture.bfloat16_median_kl = root.at("bfloat16_median_kl");
  if (root.contains("tensors")) {
    fixture.seed = root.at("seed");
    const DType stored = dtype_named(root.at("stored"));
    for (const json& entry : root.at("tensors")) fixture.tensors.push_back(tensor_from(entry, stored));
    for (FixtureTensor& tensor : fixture.tensors) {  // tensors with the same values: with the same scale and offset
      const auto source = std::find_if(fixture.tensors.begin(), fixture.tensors.end(),
                                       [&](const FixtureTensor& other) { return other.name == tensor.seeded_as; });
      CHECK(source != fixture.tensors.end(), "{} is the same as {}, which is not there", tensor.name, tensor.seeded_as);
      tensor.scale = source->scale;
      tensor.offset = source->offset;
    }
  }
  fixture.logits = read_floats(fixture.folder / "logits.f32");
  size_t next = 0;
  for (const json& entry : root.at("prompts")) {
    FixturePrompt prompt{
        .ids = entry.at("ids"), .rows = entry.at("rows"), .greedy = entry.at("greedy"), .expected = {}};
    const size_t count = prompt.rows.size() * static_cast<size_t>(fixture.vocab);
    CHECK(next + count <= fixture.logits.size(), "{}: logits.f32 is too short", name);
    prompt.expected = std::span<const float>(fixture.logits).subspan(next, count);
    next += count;
    fixture.prompts.push_back(std::move(prompt));
  }
  CHECK(next == fixture.logits.size(), "{}: logits.f32 is too long", name);
  return fixture;
}

double relative_difference(std::span<const float> got, std::span<const float> expected) {
  CHECK(got.size() == expected.size(), "{} values, expected {}", got.size(), expected.size());
  double difference = 0;
  double largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i])) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::fabs(double{got[i]} - double{expected[i]}));
    largest = std::max(largest, std::fabs(double{expected[i]}));
  }
  return difference / largest;
}

double median_kl(std::span<const float> got, std::span<const float> expected, int64_t vocab) {
  CHECK(got.size() == expected.size() && vocab > 0 && got.size() % static_cast<size_t>(vocab) == 0);
  std::vector<double> rows;
  const auto width = static_cast<size_t>(vocab);
  for (size_t begin = 0; begin < got.size(); begin += width) {
    const auto p = log_softmax(expected.subspan(begin, width));
    const auto q = log_softmax(got.subspan(begin, width));
    double kl = 0;
    for (size_t i = 0; i < width; ++i) kl += std::exp(p[i]) * (p[i] - q[i]);
    rows.push_back(kl);
  }
  CHECK(!rows.empty());
  std::sort(rows.begin(), rows.end());
  const size_t middle = rows.size() / 2;
  return rows.size() % 2 == 1 ? rows[middle] : (rows[middle - 1] + rows[middle]) / 2;
}

}  // namespace braid::testing
