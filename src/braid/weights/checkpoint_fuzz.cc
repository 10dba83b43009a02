// libFuzzer: any files of a checkpoint on disk open or are an error, and every row of an opened checkpoint can be read.
// Input: parts separated by NUL bytes. First "gguf", then a part of lines (tests/support/formats/gguf_text.h) for each
// file of a GGUF checkpoint; or config.json, the index of the weight files (empty: none), then the header of each
// safetensors file.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/check.h"
#include "braid/tokenizer/loading/make_tokenizer.h"
#include "braid/tokenizer/loading/text_assets.h"
#include "braid/weights/checkpoint.h"
#include "tests/support/formats/gguf_text.h"

namespace {

using namespace braid;
namespace fs = std::filesystem;

constexpr int64_t kMostFileBytes = 1 << 18;
constexpr size_t kMostFiles = 4;

// Removed when the process ends; empty between inputs.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "braid_fuzz_XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr, "{}", name);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }
  void clear() const {
    for (const auto& entry : fs::directory_iterator(path_)) fs::remove(entry.path());
  }
  // `content`, padded to `bytes` bytes.
  void write(const std::string& name, std::string_view content, int64_t bytes) const {
    std::string file(content);
    while (std::ssize(file) < bytes) file += static_cast<char>(file.size() * 37);
    std::ofstream(path_ / name, std::ios::binary) << file;
  }

 private:
  fs::path path_;
};

// The size of the tensors of a safetensors header, from its offsets.
int64_t data_bytes(std::string_view header) {
  const auto json = parse_json(header);
  int64_t end = 0;
  if (!json.ok() || !json->is_object()) return 0;
  for (const auto& [name, entry] : json->items()) {
    const auto tensor = JsonObject::of(entry, name);
    if (!tensor.ok()) continue;
    const auto offsets = tensor->find_ints("data_offsets");
    if (offsets.ok() && offsets->has_value() && (*offsets)->size() == 2) end = std::max(end, (**offsets)[1]);
  }
  return std::min(end, kMostFileBytes);
}

ResolvedModel write_directory(const Folder& folder, const std::vector<std::string_view>& parts) {
  folder.write("config.json", parts[0], 0);
  if (parts.size() > 1 && !parts[1].empty()) folder.write("model.safetensors.index.json", parts[1], 0);
  for (size_t i = 2; i < std::min(parts.size(), 2 + kMostFiles); ++i) {
    const uint64_t length = parts[i].size();
    std::string head(reinterpret_cast<const char*>(&length), sizeof length);
    head += parts[i];
    folder.write(fmt::format("model-{}.safetensors", i - 1), head, std::ssize(head) + data_bytes(parts[i]));
  }
  return {.kind = ResolvedModel::Kind::kDirectory, .path = folder.path().string()};
}

ResolvedModel write_gguf(const Folder& folder, const std::vector<std::string_view>& parts) {
  const size_t count = std::min(parts.size() - 1, kMostFiles);
  const auto name = [&](size_t part) {
    return count > 1 ? fmt::format("model-{:05}-of-{:05}.gguf", part + 1, count) : std::string("model.gguf");
  };
  for (size_t i = 0; i < count; ++i) {
    const testing::GgufText file = testing::GgufTextReader().read(parts[i + 1]);
    const std::string_view head(reinterpret_cast<const char*>(file.head.data()), file.head.size());
    folder.write(name(i), head, std::min(file.file_bytes, kMostFileBytes));
  }
  return {.kind = ResolvedModel::Kind::kGguf, .path = (folder.path() / name(0)).string()};
}

template <typename T>
void read_ends(const StoredTensor& tensor) {
  constexpr int64_t kMostColumns = 1 << 16;
  if (!tensor.is_usable() || tensor.num_elements() == 0 || tensor.cols() > kMostColumns) return;
  const int64_t count = std::min<int64_t>(tensor.rows(), 3);
  std::vector<T> values(static_cast<size_t>(count * tensor.cols()));
  for (const int64_t first : {int64_t{0}, tensor.rows() - count}) {
    const auto read = tensor.read_rows(first, make_rows(values.data(), count, tensor.cols()));
    // Scales and zero points may have values that are refused.
    CHECK(read.ok() || tensor.parts != nullptr, "{}: {}", tensor.stored_name, read.error().message);
    if (tensor.quantized_format()) (void)tensor.read_quantized(first, count).ok();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Folder kFolder;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> parts;
  while (!input.empty()) parts.push_back(testing::take_until('\0', input));
  if (parts.size() < 2) return 0;
  const ResolvedModel model = parts[0] == "gguf" ? write_gguf(kFolder, parts) : write_directory(kFolder, parts);
  const auto checkpoint = Checkpoint::open(model);
  if (checkpoint.ok()) {
    int64_t bytes = 0;
    for (const auto& [name, tensor] : checkpoint->tensors()) {
      CHECK(!describe(name, tensor).empty());
      bytes += tensor.bytes;
      read_ends<float>(tensor);
      read_ends<BFloat16>(tensor);
    }
    CHECK(bytes == checkpoint->stored_bytes() && bytes <= kMostFileBytes * static_cast<int64_t>(kMostFiles));
  } else {
    CHECK(!checkpoint.error().message.empty());
  }
  const auto text = read_text_assets(model);
  if (text.ok()) (void)make_tokenizer(*text, "model").ok();
  kFolder.clear();
  return 0;
}
