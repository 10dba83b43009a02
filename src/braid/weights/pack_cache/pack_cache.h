// Packed weights kept on disk. A second start reads them, instead of dequantizing, converting and packing the
// checkpoint again. If the cache fails in any way, the model loads as if there were none.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/tensor/dtype.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/pack_cache/digest.h"
#include "braid/weights/pack_cache/pack_file.h"

namespace braid {

struct PackCacheOptions {
  std::string folder;  // created if missing
  DType dtype = DType::kBFloat16;
  std::string layout;  // of ranks: each layout has its own file
};

// For one loading of a model, on one thread. The file's name is a digest of the contents of all the checkpoint's files,
// the dtype and the layout; kPackVersion is in the file.
class PackCache {
 public:
  // The checkpoint and the team must outlive it. An error only if the checkpoint's files cannot be read.
  static Result<std::unique_ptr<PackCache>> open(const Checkpoint& checkpoint, PackCacheOptions options,
                                                 ThreadTeam& team, std::shared_ptr<Logger> logger);

  // `what` is everything that determines the bytes, except the contents of files. False: the cache does not have them,
  // or cannot read them any more. Then `memory` is zeros, as it must be before the call.
  bool fetch(std::string_view what, std::span<std::byte> memory);
  // Adds bytes that fetch() did not have.
  void keep(std::string_view what, std::span<const std::byte> memory);
  // Call it when the whole model is loaded. If a new file was needed, it exists from now on.
  void finish();

 private:
  PackCache(const Checkpoint& checkpoint, PackCacheOptions options, ThreadTeam& team, std::shared_ptr<Logger> logger);
  Status identify();
  Status begin_file();
  Status copy_used();
  void add(const Digest& digest, std::span<const std::byte> memory);
  void complain(const std::string& problem);
  void give_up_writing(const Error& error);

  const Checkpoint& checkpoint_;
  const PackCacheOptions options_;
  ThreadTeam& team_;
  const std::shared_ptr<Logger> logger_;
  std::vector<FileIdentity> identities_;  // of the files, when they were hashed
  Digest key_ = {};
  std::string path_;
  std::optional<PackFile> file_;
  std::vector<Digest> used_;  // the file's entries that were used
  std::optional<PackFileWriter> writer_;
  bool can_write_ = true;
  bool has_complained_ = false;  // about its file; one log line is enough
};

}  // namespace braid
