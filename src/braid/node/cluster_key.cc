#include "braid/node/cluster_key.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "braid/node/secret_file.h"

namespace braid {
namespace {

constexpr std::string_view kTitle = "braid cluster key 1";

}  // namespace

Result<ClusterKey> make_cluster_key() {
  ClusterKey key;
  TRY(key.front, make_curve_key_pair());
  TRY(key.process, make_curve_key_pair());
  return key;
}

std::string cluster_key_text(const ClusterKey& key) {
  return fmt::format("{}\nfront {} {}\nprocess {} {}\n", kTitle, key.front.public_key, key.front.secret_key,
                     key.process.public_key, key.process.secret_key);
}

Result<ClusterKey> parse_cluster_key(const std::string& text) {
  std::istringstream lines(text);
  std::string title;
  std::getline(lines, title);
  if (title != kTitle) return fail("is no cluster key: its first line is not \"{}\"", kTitle);
  ClusterKey key;
  const std::array<std::pair<std::string_view, CurveKeyPair*>, 2> parts{
      {{"front", &key.front}, {"process", &key.process}}};
  for (const auto& [name, pair] : parts) {
    std::string word;
    if (!(lines >> word >> pair->public_key >> pair->secret_key) || word != name) {
      return fail("is no cluster key: the keys of the {} are missing", name);
    }
    TRY_STATUS(check_curve_key(fmt::format("the public key of the {}", name), pair->public_key));
    TRY_STATUS(check_curve_key(fmt::format("the secret key of the {}", name), pair->secret_key));
  }
  return key;
}

Result<ClusterKey> read_cluster_key(const std::string& path) {
  struct stat info {};
  std::ifstream file(path);
  if (stat(path.c_str(), &info) != 0 || !file) return fail("{}: {}", path, std::strerror(errno));
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail("{}: others may read this key; make it yours alone with chmod 600", path);
  }
  std::ostringstream text;
  text << file.rdbuf();
  auto key = parse_cluster_key(text.str());
  if (!key.ok()) return fail("{}: {}", path, key.error().message);
  return key;
}

Status write_cluster_key(const std::string& path) {
  TRY(const ClusterKey key, make_cluster_key());
  return write_secret_file(path, cluster_key_text(key));
}

}  // namespace braid
