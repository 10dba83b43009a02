// Announces to the system which bytes of a file are read next. So the disk works while the processor packs, and on more
// bytes than each thread requests at a time. Tested by load_test.cc.
#pragma once

#include <cstdint>
#include <map>

#include "braid/formats/input_file.h"

namespace braid {

class ReadAhead {
 public:
  // Reading is at `offset` now and continues behind it. Cheap: most calls need no announcement.
  void at(const InputFile& file, int64_t offset);

 private:
  struct Window {
    int64_t begin = 0;
    int64_t end = 0;
  };
  std::map<const InputFile*, Window> asked_;
};

}  // namespace braid
