// JPEG by libjpeg-turbo, with the settings that Pillow has: the exact inverse transform, smooth upsampling. Tested by
// decode_image_test.cc.
//
// libjpeg reports an error by a call that must not return, so it jumps out with longjmp. The functions that may be
// jumped over (JpegReader's) therefore hold nothing that needs a destructor.
#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it
#include <string>
#include <vector>

#include "braid/multimodal/decode_formats.h"

namespace braid {
namespace {

// A progressive file may refine its coefficients in any number of scans, each of which costs as much time as the image
// is large. Encoders make about ten.
constexpr int kMaxScans = 50;
constexpr int kCmykChannels = 4;

// The libraries hand back a pointer to the first member, by which the rest is found.
struct JpegErrors {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message;
  bool is_truncated;
  bool has_too_many_scans;
};

[[noreturn]] void leave_jpeg(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  errors->base.format_message(info, errors->message.data());
  std::longjmp(errors->jump, 1);
}

void ignore_jpeg_message(j_common_ptr /*info*/, int /*level*/) {}

boolean end_of_jpeg(j_decompress_ptr info) {
  reinterpret_cast<JpegErrors*>(info->err)->is_truncated = true;
  leave_jpeg(reinterpret_cast<j_common_ptr>(info));
}

void count_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
  reinterpret_cast<JpegErrors*>(info->err)->has_too_many_scans = true;
  leave_jpeg(info);
}

// As Pillow converts CMYK: what is stored is inverted, as Adobe's programs write it.
void cmyk_to_rgb(const uint8_t* cmyk, int64_t num_pixels, uint8_t* rgb) {
  for (int64_t i = 0; i < num_pixels; ++i) {
    const int32_t light = cmyk[kCmykChannels * i + 3];
    for (int64_t c = 0; c < 3; ++c) {
      const int32_t product = (255 - cmyk[kCmykChannels * i + c]) * light + 128;
      rgb[3 * i + c] = static_cast<uint8_t>(std::max(light - ((product >> 8) + product) / 256, 0));
    }
  }
}

class JpegReader {
 public:
  explicit JpegReader(std::span<const uint8_t> bytes) : bytes_(bytes) {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = leave_jpeg;
    errors_.base.emit_message = ignore_jpeg_message;
    progress_.progress_monitor = count_scans;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  // Both return false after an error.
  bool read_header() {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, bytes_.data(), bytes_.size());
    info_.src->fill_input_buffer = end_of_jpeg;
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = info_.num_components == kCmykChannels ? JCS_CMYK : JCS_RGB;
    return true;
  }

  // `cmyk_row` has four bytes a pixel, if is_cmyk().
  bool read_rows(uint8_t* rgb, uint8_t* cmyk_row) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_start_decompress(&info_);
    constexpr JDIMENSION kRowsAtOnce = 16;
    const size_t row_bytes = size_t{3} * info_.output_width;
    while (info_.output_scanline < info_.output_height) {
      uint8_t* next = rgb + info_.output_scanline * row_bytes;
      if (is_cmyk()) {
        jpeg_read_scanlines(&info_, &cmyk_row, 1);
        cmyk_to_rgb(cmyk_row, info_.output_width, next);
        continue;
      }
      JSAMPROW rows[kRowsAtOnce];
      const JDIMENSION num_rows = std::min(kRowsAtOnce, info_.output_height - info_.output_scanline);
      for (JDIMENSION i = 0; i < num_rows; ++i) rows[i] = next + i * row_bytes;
      jpeg_read_scanlines(&info_, rows, num_rows);
    }
    return true;  // what follows the last row does not matter
  }

  bool is_cmyk() const { return info_.out_color_space == JCS_CMYK; }
  int num_components() const { return info_.num_components; }
  ImageSize size() const {
    return {.width = static_cast<int32_t>(info_.image_width), .height = static_cast<int32_t>(info_.image_height)};
  }
  Error error() const {
    if (errors_.is_truncated) return fail("the JPEG image is truncated: its data end after {} bytes", bytes_.size());
    if (errors_.has_too_many_scans) return fail("the JPEG image has more than {} scans, which is the limit", kMaxScans);
    return fail("the JPEG image is damaged: {}", errors_.message.data());
  }

 private:
  std::span<const uint8_t> bytes_;
  jpeg_decompress_struct info_ = {};
  JpegErrors errors_ = {};
  jpeg_progress_mgr progress_ = {};
};

}  // namespace

Status decode_jpeg(std::span<const uint8_t> bytes, RgbImage& image) {
  JpegReader reader(bytes);
  if (!reader.read_header()) return reader.error();
  if (reader.size() != image.size) return fail("the JPEG image is damaged: it has two sizes");
  const int num_components = reader.num_components();
  if (num_components != 1 && num_components != 3 && num_components != kCmykChannels) {
    return fail("the JPEG image has {} components, must have 1 (grey), 3 (colour) or 4 (CMYK)", num_components);
  }
  std::vector<uint8_t> cmyk_row;
  if (reader.is_cmyk()) cmyk_row.resize(size_t{kCmykChannels} * static_cast<size_t>(image.size.width));
  if (!reader.read_rows(image.pixels.data(), cmyk_row.data())) return reader.error();
  return {};
}

}  // namespace braid
