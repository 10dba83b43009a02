#include "braid/cli/output_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace braid {

Result<OutputFile> OutputFile::create(std::string flag, std::string path) {
  std::error_code error;
  if (std::filesystem::is_symlink(path, error)) {  // keep the link, and write the file it points to
    const std::string target = std::filesystem::canonical(path, error);
    if (error) return fail("{} {}: is a link that leads nowhere: {}", flag, path, error.message());
    path = target;
  }
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) return fail("{} {}: is a directory", flag, path);
  const bool is_special = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
  OutputFile file(std::move(flag), path, is_special ? path : path + ".part");
  if (!file.out_) return fail("{} {}: cannot be written: {}", file.flag_, path, std::strerror(errno));
  return file;
}

OutputFile::OutputFile(std::string flag, std::string path, std::string written_path)
    : flag_(std::move(flag)),
      path_(std::move(path)),
      written_path_(std::move(written_path)),
      out_(written_path_, std::ios::binary) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : flag_(std::move(other.flag_)),
      path_(std::move(other.path_)),
      written_path_(std::exchange(other.written_path_, {})),
      out_(std::move(other.out_)) {}

OutputFile::~OutputFile() {
  std::error_code ignored;
  if (!written_path_.empty() && written_path_ != path_) std::filesystem::remove(written_path_, ignored);
}

Status OutputFile::commit() {
  out_.close();
  if (!out_) return fail("{} {}: cannot be written: {}", flag_, path_, std::strerror(errno));
  const std::string written = std::exchange(written_path_, {});
  if (written == path_) return {};
  std::error_code error;
  std::filesystem::rename(written, path_, error);
  if (!error) return {};
  std::error_code ignored;
  std::filesystem::remove(written, ignored);
  return fail("{} {}: cannot be written: {}", flag_, path_, error.message());
}

}  // namespace braid
