// WebP by libwebp; of an animation the first frame, on a black canvas. Tested by decode_image_test.cc.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "braid/multimodal/decode_formats.h"

namespace braid {
namespace {

struct FrameIterator {
  ~FrameIterator() { WebPDemuxReleaseIterator(&frame); }
  WebPIterator frame = {};
};

}  // namespace

Status decode_webp(std::span<const uint8_t> bytes, RgbImage& image) {
  const WebPData data{.bytes = bytes.data(), .size = bytes.size()};
  WebPDemuxState state = WEBP_DEMUX_DONE;
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemuxPartial(&data, &state),
                                                                         &WebPDemuxDelete);
  if (demuxer == nullptr || state != WEBP_DEMUX_DONE) {
    const bool is_short = state == WEBP_DEMUX_PARSING_HEADER || state == WEBP_DEMUX_PARSED_HEADER;
    return is_short ? fail("the WebP image is truncated: its data end after {} bytes", bytes.size())
                    : fail("the WebP image is damaged: its chunks cannot be read");
  }
  FrameIterator first;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &first.frame) == 0) return fail("the WebP image is damaged: it has no frame");
  const WebPIterator& frame = first.frame;
  const bool is_canvas =
      WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH) == static_cast<uint32_t>(image.size.width) &&
      WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT) == static_cast<uint32_t>(image.size.height);
  const bool is_inside = frame.x_offset >= 0 && frame.y_offset >= 0 &&
                         frame.width <= image.size.width - frame.x_offset &&
                         frame.height <= image.size.height - frame.y_offset;
  if (!is_canvas || !is_inside) return fail("the WebP image is damaged: it has two sizes");

  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return fail("libwebp has another version than braid was built for");
  const size_t row_bytes = size_t{3} * static_cast<size_t>(image.size.width);
  const size_t offset =
      static_cast<size_t>(frame.y_offset) * row_bytes + size_t{3} * static_cast<size_t>(frame.x_offset);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.pixels.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(row_bytes);
  config.output.u.RGBA.size = image.pixels.size() - offset;
  switch (WebPDecode(frame.fragment.bytes, frame.fragment.size, &config)) {
    case VP8_STATUS_OK:
      return {};
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return fail("the WebP image is truncated: its data end after {} bytes", bytes.size());
    default:
      return fail("the WebP image is damaged: its pixels cannot be decoded");
  }
}

}  // namespace braid
