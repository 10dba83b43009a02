// The hash of a file's whole content, computed once and remembered.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/formats/input_file.h"
#include "braid/weights/pack_cache/digest.h"

namespace braid {

// SHA-256 over the file's size and the SHA-256s of its blocks of 8 MB, which the team's threads read and hash at once.
Result<Digest> hash_contents(const InputFile& file, ThreadTeam& team);

// The same, from a note in `folder` if the note is about the file as it is: same path, device, inode, size, and times
// of its last write and last change, to the nanosecond. No program can set the time of the last change. A file written
// less than two seconds before its hash gets no note, since a later write might get the same time. (Not detected:
// writes through a shared mapping that was open and dirty when the file was hashed.) If a note cannot be written, the
// next start hashes again.
Result<Digest> hash_once(const InputFile& file, const std::string& folder, ThreadTeam& team);

}  // namespace braid
