// A file that a command writes: there whole, or not at all.
#pragma once

#include <fstream>
#include <ostream>
#include <string>

#include "braid/base/result.h"

namespace braid {

class OutputFile {
 public:
  // Opens PATH.part beside it; what is no regular file (a pipe, a device) is written as it is. `flag` names it in
  // errors.
  static Result<OutputFile> create(std::string flag, std::string path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();  // without a commit() nothing is left, and what was there before is as it was

  std::ostream& stream() { return out_; }
  Status commit();

 private:
  OutputFile(std::string flag, std::string path, std::string written_path);

  std::string flag_;
  std::string path_;
  std::string written_path_;  // empty: there is nothing to remove
  std::ofstream out_;
};

}  // namespace braid
