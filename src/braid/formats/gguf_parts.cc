#include "braid/formats/gguf_parts.h"

#include <utility>

namespace braid {
namespace {

constexpr int64_t kMaxParts = 65535;
constexpr int64_t kMaxHeadBytes = int64_t{256} << 20;  // the largest published vocabularies have about 20 MB

// "-00002-of-00003.gguf"
std::string part_suffix(int64_t part, int64_t num_parts) {
  return fmt::format("-{:05}-of-{:05}.gguf", part + 1, num_parts);
}

Result<int64_t> num_parts_of(const GgufFile& file) {
  TRY(const auto count, file.find_int("split.count", 0, kMaxParts));
  return count.value_or(0) > 1 ? *count : 1;
}

template <typename T>
Result<T> named(const InputFile& file, Result<T> result) {
  return result.ok() ? std::move(result) : fail("{}: {}", file.name(), result.error().message);
}

Status check_part(const GgufFile& file, int64_t part, int64_t num_parts) {
  TRY(const auto number, file.find_int("split.no", 0, kMaxParts));
  TRY(const auto count, file.find_int("split.count", 0, kMaxParts));
  if (number != part) return file.wrong_value("split.no", fmt::format("{}, as its name says", part));
  if (count != num_parts) return file.wrong_value("split.count", fmt::format("{}, as in the first part", num_parts));
  return {};
}

// Opens the part's file beside the first.
Result<std::unique_ptr<InputFile>> open_part(const InputFile& first, int64_t part, int64_t num_parts) {
  const std::string first_suffix = part_suffix(0, num_parts);
  const std::string& path = first.path();
  const std::string own_path = path.substr(0, path.size() - first_suffix.size()) + part_suffix(part, num_parts);
  auto file = InputFile::open(own_path);
  if (!file.ok()) return fail("{}: part {} of {}: {}", first.name(), part + 1, num_parts, file.error().message);
  return std::make_unique<InputFile>(std::move(file).value());
}

}  // namespace

Result<GgufHead> read_gguf_head(const InputFile& file) {
  constexpr int64_t kFirstBytes = int64_t{1} << 20;
  GgufHead head;
  for (int64_t bytes = kFirstBytes; bytes <= kMaxHeadBytes; bytes *= 4) {
    TRY(head.bytes, file.read_head(bytes));
    TRY(auto parsed, named(file, GgufFile::parse_head(head.bytes, file.bytes())));
    if (!parsed) continue;
    head.gguf = *std::move(parsed);
    return head;
  }
  return fail("{}: a header of over {} bytes, at most so many are read", file.name(), kMaxHeadBytes);
}

Status check_is_first_part(const GgufFile& file, const std::string& file_name) {
  TRY(const auto number, file.find_int("split.no", 0, kMaxParts));
  if (number.value_or(0) == 0) return {};
  TRY(const int64_t num_parts, num_parts_of(file));
  const std::string suffix = part_suffix(*number, num_parts);
  if (!file_name.ends_with(suffix)) return fail("is part {} of {}: give the first one's path", *number + 1, num_parts);
  return fail("is part {} of {}: give the first, {}{}", *number + 1, num_parts,
              file_name.substr(0, file_name.size() - suffix.size()), part_suffix(0, num_parts));
}

Status GgufFile::append_part(GgufFile part, int32_t number) {
  for (GgufTensor& tensor : part.tensors_) {
    tensor.part = number;
    const auto [place, is_new] = tensor_index_.emplace(tensor.name, tensors_.size());
    if (!is_new) return fail("the tensor \"{}\" is in an earlier part too", tensor.name);
    tensors_.push_back(std::move(tensor));
  }
  return {};
}

Result<GgufParts> open_gguf_parts(const std::string& path) {
  GgufParts parts;
  TRY(auto opened, InputFile::open(path));
  parts.files.push_back(std::make_unique<InputFile>(std::move(opened)));
  const InputFile& first = parts.first();
  TRY(GgufHead head, read_gguf_head(first));
  parts.head = std::move(head.bytes);
  parts.gguf = std::move(head.gguf);
  TRY_STATUS(named(first, check_is_first_part(parts.gguf, first.name())));
  TRY(const int64_t num_parts, named(first, num_parts_of(parts.gguf)));
  if (num_parts == 1) return parts;
  if (!first.name().ends_with(part_suffix(0, num_parts))) {
    return fail("{}: is part 1 of {} (\"split.count\"), so its name must end in {}", first.name(), num_parts,
                part_suffix(0, num_parts));
  }
  for (int64_t part = 1; part < num_parts; ++part) {
    TRY(auto file, open_part(first, part, num_parts));
    TRY(GgufHead own, read_gguf_head(*file));
    TRY_STATUS(named(*file, check_part(own.gguf, part, num_parts)));
    TRY_STATUS(named(*file, parts.gguf.append_part(std::move(own.gguf), static_cast<int32_t>(part))));
    parts.files.push_back(std::move(file));
  }
  TRY(const auto num_tensors, named(first, parts.gguf.find_int("split.tensors.count", 0, INT32_MAX)));
  const auto found = static_cast<int64_t>(parts.gguf.tensors().size());
  if (num_tensors.value_or(found) != found) {
    return fail("{}: \"split.tensors.count\" is {}, the {} parts have {} tensors", first.name(), *num_tensors,
                num_parts, found);
  }
  return parts;
}

}  // namespace braid
