// Parses outputs whole and in pieces, and prints events as one line.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "braid/server/parsers/output_parser.h"

namespace braid::parsers::testing {

inline void append(Events& all, const Events& more) {
  for (const Event& event : more) {
    if (event.kind == Event::Kind::kCallBegin) {
      all.push_back(event);
    } else {
      append_text(all, event.kind, event.text, event.call);
    }
  }
}

inline Events parse_pieces(const ParserOptions& options, const std::vector<std::string_view>& pieces) {
  OutputParser parser(options);
  Events all;
  for (const std::string_view piece : pieces) append(all, parser.push(piece));
  append(all, parser.finish());
  return all;
}

inline std::vector<std::string_view> cut(std::string_view text, size_t max_bytes, std::mt19937& random) {
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const size_t size = std::uniform_int_distribution<size_t>(0, max_bytes)(random);
    pieces.push_back(text.substr(0, size));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

// The events of the whole text. Fails unless every way of cutting it produces the same events.
inline Events parse(const ParserOptions& options, std::string_view text) {
  const Events whole = parse_pieces(options, {text});
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  EXPECT_EQ(parse_pieces(options, bytes), whole) << "byte by byte: " << text;
  for (size_t i = 1; text.size() <= 200 && i < text.size(); ++i) {
    EXPECT_EQ(parse_pieces(options, {text.substr(0, i), text.substr(i)}), whole) << "cut at " << i << ": " << text;
  }
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    EXPECT_EQ(parse_pieces(options, cut(text, 1 + seed, random)), whole) << "cut with seed " << seed << ": " << text;
  }
  return whole;
}

// "content", "(thinking)", "[0 name {arguments}]", one after another.
inline std::string line_of(const Events& events) {
  std::string line;
  bool in_call = false;
  for (const Event& event : events) {
    if (in_call && event.kind != Event::Kind::kCallArguments) line += "]", in_call = false;
    switch (event.kind) {
      case Event::Kind::kContent:
        line += event.text;
        break;
      case Event::Kind::kReasoning:
        line += "(" + event.text + ")";
        break;
      case Event::Kind::kCallBegin:
        line += "[" + std::to_string(event.call) + " " + event.name + " ";
        in_call = true;
        break;
      case Event::Kind::kCallArguments:
        EXPECT_TRUE(in_call) << line;
        line += event.text;
        break;
    }
  }
  return in_call ? line + "]" : line;
}

inline std::string parsed(const ParserOptions& options, std::string_view text) {
  return line_of(parse(options, text));
}

}  // namespace braid::parsers::testing
