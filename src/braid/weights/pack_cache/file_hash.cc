#include "braid/weights/pack_cache/file_hash.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "braid/weights/pack_cache/new_file.h"

namespace braid {
namespace {

constexpr int64_t kBlockBytes = int64_t{8} << 20;
constexpr int64_t kReadBytes = int64_t{128} << 10;  // at a time, so that it is hashed from the core's own cache
constexpr int64_t kMaxNoteBytes = int64_t{64} << 10;
// No file system has coarser times.
constexpr int64_t kCoarsestTimeNs = 2'000'000'000;

Result<Digest> hash_block(const InputFile& file, int64_t block, std::vector<std::byte>& buffer) {
  Sha256 hash;
  const int64_t end = std::min((block + 1) * kBlockBytes, file.bytes());
  for (int64_t at = block * kBlockBytes; at < end; at += kReadBytes) {
    const auto piece = std::span(buffer).first(static_cast<size_t>(std::min(kReadBytes, end - at)));
    TRY_STATUS(file.read(at, piece));
    hash.add(piece);
  }
  return hash.digest();
}

// The text of a note before the hash. A path may hold any byte, so the note has its digest.
std::string note_head(const InputFile& file, const FileIdentity& is) {
  std::error_code error;
  const std::string path = std::filesystem::canonical(file.path(), error).string();
  return fmt::format("braid file hash 1\npath {}\ndevice {} inode {} bytes {} modified {} changed {}\nhash ",
                     to_hex(digest_of(path)), is.device, is.inode, is.bytes, is.modified_ns, is.changed_ns);
}

std::optional<Digest> digest_from_hex(std::string_view text) {
  Digest digest = {};
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(digest));
  if (text.size() != 2 * bytes.size()) return std::nullopt;
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t high = kDigits.find(text[2 * i]);
    const size_t low = kDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes[i] = static_cast<std::byte>(high << 4 | low);
  }
  return digest;
}

std::optional<Digest> read_note(const std::string& path, const std::string& head) {
  const auto text = read_text_file(path, kMaxNoteBytes);
  if (!text.ok() || !text->starts_with(head) || !text->ends_with('\n')) return std::nullopt;
  return digest_from_hex(std::string_view(*text).substr(head.size(), text->size() - head.size() - 1));
}

Status write_note(const std::string& path, const std::string& text) {
  TRY(NewFile note, NewFile::create(path));
  TRY_STATUS(note.write(0, std::as_bytes(std::span(text))));
  return note.commit();
}

int64_t now_ns() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Result<Digest> hash_contents(const InputFile& file, ThreadTeam& team) {
  const int64_t num_blocks = (file.bytes() + kBlockBytes - 1) / kBlockBytes;
  std::vector<Digest> blocks(static_cast<size_t>(num_blocks));
  std::vector<Status> results(static_cast<size_t>(team.size()));
  std::atomic<int64_t> next = 0;
  team.run([&](int thread) {
    std::vector<std::byte> buffer(static_cast<size_t>(std::min(kReadBytes, file.bytes())));
    for (int64_t block = next++; block < num_blocks; block = next++) {
      const auto digest = hash_block(file, block, buffer);
      if (!digest.ok()) {
        results[static_cast<size_t>(thread)] = digest.error();
        return;
      }
      blocks[static_cast<size_t>(block)] = *digest;
    }
  });
  for (const Status& result : results) TRY_STATUS(result);
  Sha256 hash;
  const int64_t bytes = file.bytes();
  hash.add(std::as_bytes(std::span(&bytes, 1)));
  hash.add(std::as_bytes(std::span(blocks)));
  return hash.digest();
}

Result<Digest> hash_once(const InputFile& file, const std::string& folder, ThreadTeam& team) {
  TRY(const FileIdentity before, file.identity());
  const std::string head = note_head(file, before);
  const std::string note = fmt::format("{}/{:.32}.hash", folder, to_hex(digest_of(file.path())));
  if (const auto noted = read_note(note, head)) return *noted;

  const int64_t began_ns = now_ns();
  TRY(const Digest digest, hash_contents(file, team));
  TRY(const FileIdentity after, file.identity());
  const bool is_whole = before.bytes == file.bytes();  // it may have grown since it was opened
  const bool is_settled = is_whole && std::max(before.modified_ns, before.changed_ns) + kCoarsestTimeNs < began_ns;
  if (after == before && is_settled) static_cast<void>(write_note(note, head + to_hex(digest) + '\n').ok());
  return digest;
}

}  // namespace braid
