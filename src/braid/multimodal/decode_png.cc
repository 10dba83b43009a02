// PNG by libpng. Tested by decode_image_test.cc.
//
// libpng reports an error by a call that must not return, so it jumps out with longjmp. The functions that may be
// jumped over (PngReader's) therefore hold nothing that needs a destructor.
#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "braid/multimodal/decode_formats.h"

namespace braid {
namespace {

// libpng would read these chunks, and inflate some, though no pixel depends on them. (tRNS: transparency is dropped.)
constexpr const char kIgnoredChunks[] =
    "tRNS\0gAMA\0cHRM\0sRGB\0iCCP\0sBIT\0bKGD\0hIST\0pHYs\0sPLT\0tIME\0"
    "iTXt\0tEXt\0zTXt\0eXIf\0oFFs\0pCAL\0sCAL";
constexpr int kNumIgnoredChunks = (sizeof(kIgnoredChunks)) / 5;

class PngReader {
 public:
  explicit PngReader(std::span<const uint8_t> bytes) : num_bytes_(bytes.size()), rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    info_ = png_ != nullptr ? png_create_info_struct(png_) : nullptr;
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool has_memory() const { return info_ != nullptr; }

  // Both return false after an error.
  bool read_header() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, on_read);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // image_limits.h has ours
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, reinterpret_cast<png_const_bytep>(kIgnoredChunks),
                                kNumIgnoredChunks);
    png_read_info(png_, info_);
    png_set_palette_to_rgb(png_);
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    num_passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  // `rgb` has room for size() with row_bytes() a row.
  bool read_rows(uint8_t* rgb) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    const size_t num_rows = png_get_image_height(png_, info_);
    for (int pass = 0; pass < num_passes_; ++pass) {
      for (size_t y = 0; y < num_rows; ++y) png_read_row(png_, rgb + y * row_bytes(), nullptr);
    }
    return true;  // what follows the last row does not matter
  }

  size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  ImageSize size() const {
    return {.width = static_cast<int32_t>(png_get_image_width(png_, info_)),
            .height = static_cast<int32_t>(png_get_image_height(png_, info_))};
  }
  Error error() const {
    if (is_truncated_) return fail("the PNG image is truncated: its data end after {} bytes", num_bytes_);
    return fail("the PNG image is damaged: {}", message_.data());
  }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->message_.data(), self->message_.size(), "%s", message);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}
  static void on_read(png_structp png, png_bytep out, size_t size) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (size > self->rest_.size()) {
      self->is_truncated_ = true;
      png_error(png, "truncated");
    }
    std::memcpy(out, self->rest_.data(), size);
    self->rest_ = self->rest_.subspan(size);
  }

  size_t num_bytes_;
  std::span<const uint8_t> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int num_passes_ = 1;
  std::array<char, 200> message_ = {};
  bool is_truncated_ = false;
};

}  // namespace

Status decode_png(std::span<const uint8_t> bytes, RgbImage& image) {
  PngReader reader(bytes);
  if (!reader.has_memory()) return fail("libpng cannot be started");
  if (!reader.read_header()) return reader.error();
  const bool is_rgb = reader.row_bytes() == size_t{3} * static_cast<size_t>(image.size.width);
  if (reader.size() != image.size || !is_rgb) return fail("the PNG image is damaged: it has two sizes");
  if (!reader.read_rows(image.pixels.data())) return reader.error();
  return {};
}

}  // namespace braid
