// libFuzzer: the first byte says what the others are. Any JSON is an error or a processor, whose grids are of whole
// tokens and within its limits; any URL is an error or bytes within theirs, and no file or host is touched.
#include <cstdint>
#include <string_view>

#include "braid/base/check.h"
#include "braid/config/image_processor_config.h"
#include "braid/multimodal/image_processor.h"
#include "braid/multimodal/sources/image_source.h"

namespace {

void try_image_processor(std::string_view text) {
  const auto json = braid::parse_json(text, {.max_bytes = 1 << 16});
  if (!json.ok()) return;
  for (const braid::PatchShape shape : {braid::PatchShape{.patch_size = 16, .temporal_patch_size = 2, .merge_size = 2},
                                        braid::PatchShape{.patch_size = 14, .merge_size = 4, .image_size = 896}}) {
    const auto config = braid::read_image_processor(*json, shape);
    if (!config.ok()) continue;
    for (const braid::ImageSize size : {braid::ImageSize{1, 1}, {1120, 700}, {32768, 164}, {7, 1400}}) {
      const auto grid = braid::patch_grid(*config, size);
      CHECK(grid.ok(), "{}", grid.error().message);
      const int64_t squares = int64_t{shape.merge_size} * shape.merge_size;
      CHECK(grid->count() > 0 && grid->count() % squares == 0, "{} x {}", grid->rows, grid->cols);
      CHECK(grid->count() <= (int64_t{1} << 20), "{} x {}", grid->rows, grid->cols);
    }
  }
}

void try_image_source(std::string_view url) {
  constexpr int64_t kMaxBytes = 1000;
  const auto bytes = braid::load_image_source(url, {.max_bytes = kMaxBytes});
  if (bytes.ok()) CHECK(static_cast<int64_t>(bytes->size()) <= kMaxBytes, "{} bytes", bytes->size());
  CHECK(braid::url_excerpt(url).size() < 200, "{}", braid::url_excerpt(url));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  data[0] % 2 == 0 ? try_image_processor(rest) : try_image_source(rest);
  return 0;
}
