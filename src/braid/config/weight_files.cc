#include "braid/config/weight_files.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "braid/formats/input_file.h"
#include "braid/formats/json.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxIndexBytes = int64_t{256} << 20;

}  // namespace

Result<WeightFiles> parse_weight_index(std::string_view text) {
  const std::string index_name(kWeightIndexName);
  const auto document = parse_json(text, {.max_bytes = kMaxIndexBytes, .unique_keys = true});
  if (!document.ok()) return fail("{}: {}", index_name, document.error().message);
  TRY(const auto index, JsonObject::of(*document, index_name));
  TRY(const auto weight_map, index.get_object("weight_map"));
  WeightFiles files;
  std::set<std::string> names;
  for (const auto& [tensor, file] : weight_map.json().items()) {
    if (!file.is_string()) return weight_map.wrong_value(tensor, "a file name");
    const auto& name = file.get_ref<const std::string&>();
    if (!is_plain_file_name(name)) {
      return weight_map.wrong_value(tensor, "a plain file name, without '/', \"..\" or NUL");
    }
    names.insert(name);
    files.file_of_tensor.emplace(tensor, name);
  }
  if (names.empty()) return fail("{}: \"weight_map\" is empty: it names no file with weights", index_name);
  files.names.assign(names.begin(), names.end());
  return files;
}

Result<WeightFiles> list_weight_files(const std::string& folder) {
  const std::string index_path = fmt::format("{}/{}", folder, kWeightIndexName);
  if (is_there(index_path)) {
    TRY(const std::string text, read_text_file(index_path, kMaxIndexBytes));
    return parse_weight_index(text);
  }
  WeightFiles files;
  if (is_there(fmt::format("{}/{}", folder, kWeightFileName))) {
    files.names = {std::string(kWeightFileName)};
    return files;
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".safetensors") files.names.push_back(entry.path().filename().string());
  }
  std::sort(files.names.begin(), files.names.end());
  if (files.names.empty()) return fail("{} has no *.safetensors file", folder);
  return files;
}

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace braid
