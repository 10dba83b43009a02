#include "braid/weights/pack_cache/pack_cache.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "braid/weights/pack_cache/file_hash.h"

namespace braid {
namespace {

constexpr double kGigabyte = 1e9;

}  // namespace

PackCache::PackCache(const Checkpoint& checkpoint, PackCacheOptions options, ThreadTeam& team,
                     std::shared_ptr<Logger> logger)
    : checkpoint_(checkpoint), options_(std::move(options)), team_(team), logger_(std::move(logger)) {}

Result<std::unique_ptr<PackCache>> PackCache::open(const Checkpoint& checkpoint, PackCacheOptions options,
                                                   ThreadTeam& team, std::shared_ptr<Logger> logger) {
  auto cache = std::unique_ptr<PackCache>(new PackCache(checkpoint, std::move(options), team, std::move(logger)));
  std::error_code error;
  std::filesystem::create_directories(cache->options_.folder, error);
  if (error) {
    cache->give_up_writing(fail("cannot create {}: {}", cache->options_.folder, error.message()));
    return cache;
  }
  TRY_STATUS(cache->identify());
  if (!is_there(cache->path_)) return cache;
  auto file = PackFile::open(cache->path_, cache->key_);
  if (file.ok()) {
    cache->file_ = std::move(*file);
  } else {
    cache->complain(file.error().message);
  }
  return cache;
}

Status PackCache::identify() {
  std::string what = fmt::format("packed weights\n{}\n{}\n", dtype_name(options_.dtype), options_.layout);
  for (const auto& file : checkpoint_.files()) {
    TRY(const FileIdentity identity, file->identity());
    identities_.push_back(identity);
    TRY(const Digest contents, hash_once(*file, options_.folder, team_));
    what += to_hex(contents) + '\n';
  }
  key_ = digest_of(what);
  path_ = fmt::format("{}/{:.32}.pack", options_.folder, to_hex(key_));
  return {};
}

bool PackCache::fetch(std::string_view what, std::span<std::byte> memory) {
  if (!file_) return false;
  const Digest digest = digest_of(what);
  const PackEntry* const entry = file_->find(digest);
  if (entry == nullptr || entry->bytes != static_cast<int64_t>(memory.size())) {
    complain("it lacks a part of the model");
    return false;
  }
  if (const Status read = file_->read(*entry, memory, team_); !read.ok()) {
    complain(read.error().message);
    std::ranges::fill(memory, std::byte{0});
    return false;
  }
  if (writer_) {
    add(digest, memory);
  } else {
    used_.push_back(digest);
  }
  return true;
}

void PackCache::keep(std::string_view what, std::span<const std::byte> memory) {
  if (!can_write_) return;
  if (!writer_) {
    if (const Status begun = begin_file(); !begun.ok()) return give_up_writing(begun.error());
  }
  add(digest_of(what), memory);
}

Status PackCache::begin_file() {
  remove_abandoned_files(options_.folder);
  TRY(PackFileWriter writer, PackFileWriter::create(path_, key_));
  writer_.emplace(std::move(writer));
  return copy_used();
}

// Copies what was read from the old file before a new one turned out to be needed.
Status PackCache::copy_used() {
  for (const Digest& digest : used_) {
    const PackEntry& entry = *file_->find(digest);
    std::vector<std::byte> bytes(static_cast<size_t>(entry.bytes));
    TRY_STATUS(file_->read(entry, bytes, team_));
    TRY_STATUS(writer_->append(digest, bytes, team_));
  }
  return {};
}

void PackCache::add(const Digest& digest, std::span<const std::byte> memory) {
  if (const Status added = writer_->append(digest, memory, team_); !added.ok()) give_up_writing(added.error());
}

void PackCache::finish() {
  if (!writer_) {
    if (file_ && !has_complained_) logger_->info("packed weights were read from {}", path_);
    return;
  }
  for (size_t i = 0; i < identities_.size(); ++i) {
    const auto now = checkpoint_.files()[i]->identity();
    if (now.ok() && *now == identities_[i]) continue;
    return give_up_writing(fail("{} was written meanwhile", checkpoint_.files()[i]->path()));
  }
  const Status written = writer_->commit();
  if (!written.ok()) return give_up_writing(written.error());
  if (!has_complained_) {
    logger_->info("packed weights for the next start were written to {} ({:.2f} GB)", path_,
                  static_cast<double>(writer_->bytes()) / kGigabyte);
  }
  writer_.reset();
}

void PackCache::complain(const std::string& problem) {
  if (std::exchange(has_complained_, true)) return;
  logger_->warn("{}: {}; the weights are packed anew, and it is replaced", path_, problem);
}

void PackCache::give_up_writing(const Error& error) {
  can_write_ = false;
  writer_.reset();
  logger_->warn("--pack-cache {}: {}; packed weights are not kept", options_.folder, error.message);
}

}  // namespace braid
