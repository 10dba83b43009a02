// Tells the system which bytes of a file come next, some way ahead of their reading: then the disk works while the
// processor packs, on more than each thread asks for at a time.
#pragma once

#include <cstdint>
#include <map>

#include "braid/formats/input_file.h"

namespace braid {

class ReadAhead {
 public:
  // Reading is at `offset` now and goes on behind it. Cheap: most calls have nothing to say.
  void at(const InputFile& file, int64_t offset);

 private:
  struct Window {
    int64_t begin = 0;
    int64_t end = 0;
  };
  std::map<const InputFile*, Window> asked_;
};

}  // namespace braid
