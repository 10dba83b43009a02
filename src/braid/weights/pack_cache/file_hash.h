// What is in a file, as a hash of all of it, that is computed once and remembered.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/formats/input_file.h"
#include "braid/weights/pack_cache/digest.h"

namespace braid {

// SHA-256 over the file's size and the SHA-256s of its blocks of 8 MB, which the team's threads read and hash at once.
Result<Digest> hash_contents(const InputFile& file, ThreadTeam& team);

// The same, out of a note in `folder` if the file is still the one that it tells of: same path, device, inode, size and
// times of its last writing and last change, to the nanosecond. No program can set the time of the last change; a file
// written within two seconds before its hash is not noted, since a later writing might bear the same time. (What this
// cannot see: writing through a shared mapping that was open and dirty when the file was hashed.) A note that cannot be
// written is none: the next start hashes again.
Result<Digest> hash_once(const InputFile& file, const std::string& folder, ThreadTeam& team);

}  // namespace braid
