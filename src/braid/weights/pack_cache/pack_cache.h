// Packed weights kept on disk: a second start reads them as they are, instead of dequantizing, converting and packing
// what the checkpoint stores. It may fail in any way; the model then loads as if there were no cache.
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
  std::string folder;  // made if it is not there
  DType dtype = DType::kBFloat16;
  std::string layout;  // of ranks: each has a file of its own
};

// For one loading of a model, on one thread. Its file's name is a digest of the contents of all of the checkpoint's
// files, the dtype and the layout; kPackVersion stands in the file.
class PackCache {
 public:
  // The checkpoint and the team outlive it. An error only if the checkpoint's files cannot be read.
  static Result<std::unique_ptr<PackCache>> open(const Checkpoint& checkpoint, PackCacheOptions options,
                                                 ThreadTeam& team, std::shared_ptr<Logger> logger);

  // `what` is all that decides the bytes, but for the contents of files. False: it does not have them, or not any more,
  // and `memory` is zeros, as it must be before the call.
  bool fetch(std::string_view what, std::span<std::byte> memory);
  // What fetch() did not have.
  void keep(std::string_view what, std::span<const std::byte> memory);
  // All of the model is loaded. Only now there is a new file, if one was needed.
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
  std::vector<Digest> used_;  // of the file's entries
  std::optional<PackFileWriter> writer_;
  bool can_write_ = true;
  bool has_complained_ = false;  // of its file, which one line does
};

}  // namespace braid
