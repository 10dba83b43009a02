#include "braid/parallel/message_bundle.h"

#include <algorithm>
#include <cstring>

#include "braid/base/check.h"
#include "braid/parallel/call_bytes.h"

namespace braid {
namespace {

constexpr size_t kPartBytes = kCallBytes + 1;  // the operation, and whether all receivers get the same
constexpr size_t kLengthBytes = 8;
constexpr size_t kAlignment = 16;  // of each piece, so that it can be read as numbers where it lies

size_t aligned(size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

bool is_same_piece(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.data() == b.data() || a.empty());
}

// What travels of it: all pieces, or the one that all receivers get.
std::span<const std::span<const std::byte>> distinct_pieces(const BundlePart& part) {
  const bool is_alike = std::ranges::all_of(
      part.pieces, [&](std::span<const std::byte> piece) { return is_same_piece(piece, part.pieces.front()); });
  return std::span(part.pieces).first(is_alike ? 1 : part.pieces.size());
}

size_t table_bytes(std::span<const BundlePart> parts) {
  size_t bytes = 0;
  for (const BundlePart& part : parts) bytes += kPartBytes + kLengthBytes * distinct_pieces(part).size();
  return aligned(bytes);
}

Error no_bundle(size_t bytes) {
  return fail("{} bytes that are no bundle of messages", bytes);
}

}  // namespace

size_t bundle_bytes(std::span<const BundlePart> parts) {
  size_t bytes = table_bytes(parts);
  for (const BundlePart& part : parts) {
    for (const std::span<const std::byte> piece : distinct_pieces(part)) bytes += aligned(piece.size());
  }
  return bytes;
}

void encode_bundle(std::span<const BundlePart> parts, std::span<std::byte> bytes) {
  ByteWriter table(bytes.data());
  std::span<std::byte> data = bytes.subspan(table_bytes(parts));
  for (const BundlePart& part : parts) {
    const auto pieces = distinct_pieces(part);
    put_call(table, part.call);
    table.put(static_cast<uint8_t>(pieces.size() < part.pieces.size()));
    for (const std::span<const std::byte> piece : pieces) {
      table.put(static_cast<uint64_t>(piece.size()));
      if (!piece.empty()) std::memcpy(data.data(), piece.data(), piece.size());
      data = data.subspan(aligned(piece.size()));
    }
  }
  CHECK(data.empty(), "{} bytes too many for a bundle", data.size());
}

Result<std::vector<BundlePart>> decode_bundle(std::span<const std::byte> bytes, int32_t num_senders,
                                              int32_t num_receivers) {
  std::vector<BundlePart> parts(static_cast<size_t>(num_senders));
  std::vector<std::vector<uint64_t>> lengths(parts.size());
  std::span<const std::byte> rest = bytes;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (rest.size() < kPartBytes) return no_bundle(bytes.size());
    ByteReader in(rest);
    const auto call = get_call(in);
    const auto is_alike = in.get<uint8_t>();
    rest = rest.subspan(kPartBytes);
    const size_t num_pieces = is_alike == 1 ? 1 : static_cast<size_t>(num_receivers);
    if (!call || is_alike > 1 || rest.size() < kLengthBytes * num_pieces) return no_bundle(bytes.size());
    parts[i].call = *call;
    for (size_t piece = 0; piece < num_pieces; ++piece) lengths[i].push_back(in.get<uint64_t>());
    rest = rest.subspan(kLengthBytes * num_pieces);
  }
  const size_t padding = aligned(bytes.size() - rest.size()) - (bytes.size() - rest.size());
  if (rest.size() < padding) return no_bundle(bytes.size());
  rest = rest.subspan(padding);
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const uint64_t length : lengths[i]) {
      if (length > rest.size() || aligned(length) > rest.size()) return no_bundle(bytes.size());
      parts[i].pieces.push_back(rest.first(length));
      rest = rest.subspan(aligned(length));
    }
    parts[i].pieces.resize(static_cast<size_t>(num_receivers), parts[i].pieces.front());
  }
  if (!rest.empty()) return no_bundle(bytes.size());
  return parts;
}

}  // namespace braid
