// A file that a command writes completely or not at all. Tested by tests/e2e/test_logits.py.
#pragma once

#include <fstream>
#include <ostream>
#include <string>

#include "braid/base/result.h"

namespace braid {

class OutputFile {
 public:
  // Opens PATH.part beside it. What is not a regular file (a pipe, a device) is written directly. `flag` names it in
  // errors.
  static Result<OutputFile> create(std::string flag, std::string path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();  // without commit() it removes PATH.part, and PATH is unchanged

  std::ostream& stream() { return out_; }
  Status commit();

 private:
  OutputFile(std::string flag, std::string path, std::string written_path);

  std::string flag_;
  std::string path_;
  std::string written_path_;  // empty: nothing to remove
  std::ofstream out_;
};

}  // namespace braid
