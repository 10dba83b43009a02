// How fast braid encodes a text on one thread. bench/tokenizer_speed.py runs it and compares. Prints bytes/s and a
// hash.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

#include "braid/tokenizer/tokenizer.h"

namespace {

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

// tokenizer_speed TOKENIZER_JSON TEXT REPEATS: encodes the text in documents of about 10 000 bytes (ending at line
// ends), the size of typical requests.
int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: tokenizer_speed TOKENIZER_JSON TEXT REPEATS\n", stderr);
    return 1;
  }
  const auto load_start = std::chrono::steady_clock::now();
  auto tokenizer = braid::make_tokenizer_from_json(read_file(argv[1]));
  if (!tokenizer) {
    std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
    return 1;
  }
  const std::chrono::duration<double> load = std::chrono::steady_clock::now() - load_start;
  const std::string text = read_file(argv[2]);
  std::vector<std::string_view> documents;
  for (size_t begin = 0; begin < text.size();) {
    const size_t line_end = text.find('\n', std::min(begin + 10'000, text.size()));
    const size_t end = line_end == std::string::npos ? text.size() : line_end + 1;
    documents.push_back(std::string_view(text).substr(begin, end - begin));
    begin = end;
  }
  double best = 0;
  size_t num_ids = 0;
  uint64_t hash = 14695981039346656037u;
  for (int repeat = 0; repeat < std::atoi(argv[3]); ++repeat) {
    const std::clock_t start = std::clock();  // processor time, since the machine may be busy
    for (const std::string_view document : documents) {
      for (const braid::TokenId id : (*tokenizer)->encode(document, false)) {
        if (repeat > 0) continue;
        hash = (hash ^ static_cast<uint64_t>(id)) * 1099511628211u;
        ++num_ids;
      }
    }
    const double elapsed = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    best = std::max(best, static_cast<double>(text.size()) / elapsed);
  }
  std::printf("{\"bytes_per_s\": %.0f, \"load_s\": %.3f, \"ids\": %zu, \"hash\": \"%016llx\"}\n", best, load.count(),
              num_ids, static_cast<unsigned long long>(hash));
  return 0;
}
