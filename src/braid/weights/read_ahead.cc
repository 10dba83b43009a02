#include "braid/weights/read_ahead.h"

namespace braid {
namespace {

constexpr int64_t kWindowBytes = int64_t{64} << 20;

}  // namespace

void ReadAhead::at(const InputFile& file, int64_t offset) {
  Window& asked = asked_[&file];
  const bool is_within = offset >= asked.begin && offset < asked.end;
  if (is_within && asked.end - offset > kWindowBytes / 2) return;
  const int64_t begin = is_within ? asked.end : offset;
  file.read_ahead(begin, offset + kWindowBytes - begin);
  asked = {.begin = offset, .end = offset + kWindowBytes};
}

}  // namespace braid
