// What a command of `braid bench` prints.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace braid::testing {

// The text that run(FILE*) writes to its stream.
template <typename Run>
std::string printed_by(const Run& run) {
  std::FILE* file = std::tmpfile();
  EXPECT_NE(file, nullptr);
  if (file == nullptr) return "";
  run(file);
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

}  // namespace braid::testing
