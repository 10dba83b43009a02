#include "braid/api/image_placer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "braid/multimodal/image_header.h"
#include "braid/multimodal/image_key.h"
#include "braid/multimodal/image_processor.h"

namespace braid {
namespace {

std::span<const uint8_t> bytes_of(const RequestImage& image) {
  return {reinterpret_cast<const uint8_t*>(image.bytes->data()), image.bytes->size()};
}

std::string text_of(const Tokenizer& tokenizer, TokenId token) {
  return tokenizer.decode(std::span(&token, 1), false);
}

}  // namespace

std::string ImagePlacer::spell(std::string text) const {
  if (vision_.kind != VisionKind::kSiglip) return text;
  const std::string start = text_of(tokenizer_, vision_.start_token);
  const std::string whole =
      "\n\n" + start + text_of(tokenizer_, vision_.image_token) + text_of(tokenizer_, vision_.end_token) + "\n\n";
  for (size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + whole.size())) {
    text.replace(at, start.size(), whole);
  }
  return text;
}

Result<ImageSpan> ImagePlacer::span_of(const RequestImage& image) const {
  if (image.bytes == nullptr || image.bytes->empty()) return fail("it has no bytes");
  TRY(const ImageSize size, image_size(bytes_of(image), ImageLimits()));
  TRY(const PatchGrid grid, patch_grid(processor_, size));
  TRY_STATUS(check_grid(vision_, grid));
  return ImageSpan{.key = image_key(bytes_of(image), processor_),
                   .grid = {.frames = grid.frames,
                            .rows = grid.rows / processor_.shape.merge_size,
                            .cols = grid.cols / processor_.shape.merge_size}};
}

std::vector<TokenId> ImagePlacer::plain(std::span<const TokenId> prompt) const {
  std::vector<TokenId> tokens(prompt.begin(), prompt.end());
  std::ranges::replace_if(tokens, is_placeholder, vision_.image_token);
  return tokens;
}

Status ImagePlacer::place(GenerationRequest& request) const {
  if (std::ranges::all_of(request.images, &RequestImage::is_placed)) return {};
  if (std::ssize(request.images) > kMaxRequestImages) {
    return fail("the request has {} images: at most {}", request.images.size(), kMaxRequestImages);
  }
  const auto& given = std::get<std::vector<TokenId>>(request.prompt);
  const auto num_places = std::ranges::count(given, vision_.image_token);
  if (num_places != std::ssize(request.images)) {
    return fail("the prompt has {} times the token {} (\"{}\"), and the request {} images", num_places,
                vision_.image_token, text_of(tokenizer_, vision_.image_token), request.images.size());
  }
  std::vector<TokenId> prompt;
  size_t next = 0;
  for (const TokenId token : given) {
    if (token != vision_.image_token) {
      prompt.push_back(token);
      continue;
    }
    RequestImage& image = request.images[next++];
    auto span = span_of(image);
    if (!span.ok()) return fail("image {}: {}", next - 1, span.error().message);
    image.span = *span;
    image.span.first = static_cast<int32_t>(prompt.size());
    for (int32_t i = 0; i < image.span.num_tokens(); ++i) prompt.push_back(placeholder_token(image.span.key, i));
  }
  request.prompt = std::move(prompt);
  return {};
}

}  // namespace braid
