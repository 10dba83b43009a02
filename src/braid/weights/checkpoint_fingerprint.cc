#include "braid/weights/checkpoint_fingerprint.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "braid/base/checksum.h"
#include "braid/formats/input_file.h"

namespace braid {
namespace {

constexpr int64_t kPart = int64_t{1} << 20;

Result<uint64_t> checksum_of(const InputFile& file, int64_t begin, int64_t end) {
  std::vector<std::byte> bytes(static_cast<size_t>(end - begin));
  TRY_STATUS(file.read(begin, bytes));
  return checksum(bytes);
}

}  // namespace

Result<std::string> checkpoint_fingerprint(const Checkpoint& checkpoint) {
  std::string text;
  if (checkpoint.model().kind == ResolvedModel::Kind::kDirectory) {
    TRY(text, read_text_file(checkpoint.model().file("config.json")));
  }
  for (const auto& file : checkpoint.files()) {
    const int64_t bytes = file->bytes();
    TRY(const uint64_t head, checksum_of(*file, 0, std::min(kPart, bytes)));
    TRY(const uint64_t tail, checksum_of(*file, std::max<int64_t>(0, bytes - kPart), bytes));
    text += fmt::format("\n{} {} {:x} {:x}", file->name(), bytes, head, tail);
  }
  return fmt::format("{:016x}", checksum(std::as_bytes(std::span(text))));
}

}  // namespace braid
