#include "braid/request/request_image.h"

#include <algorithm>

namespace braid {

Status check_placeholders(std::span<const TokenId> prompt, std::span<const RequestImage> images) {
  const auto wrong = [&](int64_t token) {
    return fail("prompt token {} is {}, which is not of an image there", token, prompt[static_cast<size_t>(token)]);
  };
  int64_t end = 0;  // of the image before
  for (const RequestImage& image : images) {
    const ImageSpan& span = image.span;
    const PatchGrid& grid = span.grid;
    const int64_t left = std::ssize(prompt) - span.first;
    const bool has_tokens = grid.frames > 0 && grid.rows > 0 && grid.cols > 0 && grid.frames <= left &&
                            grid.rows <= left && grid.cols <= left && grid.count() <= left;
    if (span.first < end || !has_tokens) {
      return fail("an image of {} x {} x {} tokens at {} of a prompt of {}, behind {}", grid.frames, grid.rows,
                  grid.cols, span.first, prompt.size(), end);
    }
    if (span.time < 0 || (span.continues_video && (&image == &images.front() || span.first != end))) {
      return fail("frames at token {} with time {} continue a video that ends at {}", span.first, span.time, end);
    }
    const auto text = prompt.subspan(static_cast<size_t>(end), static_cast<size_t>(span.first - end));
    if (const auto found = std::ranges::find_if(text, is_placeholder); found != text.end()) {
      return wrong(end + (found - text.begin()));
    }
    for (int32_t i = 0; i < span.num_tokens(); ++i) {
      if (prompt[static_cast<size_t>(span.first + i)] != placeholder_token(span.key, i)) return wrong(span.first + i);
    }
    end = span.end();
  }
  const auto text = prompt.subspan(static_cast<size_t>(end));
  const auto found = std::ranges::find_if(text, is_placeholder);
  return found == text.end() ? Status() : Status(wrong(end + (found - text.begin())));
}

}  // namespace braid
