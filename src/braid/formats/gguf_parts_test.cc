#include "braid/formats/gguf_parts.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/formats/gguf_writer.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

using testing::GgufWriter;

// A file with one tensor of eight float32, every byte of which is `fill`.
GgufWriter part_of(uint32_t number, uint32_t count, std::string_view tensor, std::byte fill, uint32_t num_tensors = 3) {
  GgufWriter writer;
  writer.preamble(3, 1, 3)
      .number_key("split.no", number)
      .number_key("split.count", count)
      .number_key("split.tensors.count", num_tensors);
  writer.tensor(tensor, {8}, 0, 0).data(32, fill);
  return writer;
}

class GgufPartsTest : public ::testing::Test {
 protected:
  std::string path(std::string_view name) const { return (folder_.path() / name).string(); }

  void write(std::string_view name, const GgufWriter& writer) const {
    std::ofstream file(path(name), std::ios::binary);
    file.write(reinterpret_cast<const char*>(writer.file().data()), static_cast<std::streamsize>(writer.file().size()));
  }

  void write_three() const {
    write("m-00001-of-00003.gguf", part_of(0, 3, "a", std::byte(1)));
    write("m-00002-of-00003.gguf", part_of(1, 3, "b", std::byte(2)));
    write("m-00003-of-00003.gguf", part_of(2, 3, "c", std::byte(3)));
  }

  void expect_error(std::string_view name, std::string_view message) const {
    const auto opened = open_gguf_parts(path(name));
    ASSERT_FALSE(opened.ok()) << "should say " << message;
    EXPECT_NE(opened.error().message.find(message), std::string::npos) << opened.error().message;
  }

 private:
  testing::TemporaryFolder folder_;
};

TEST_F(GgufPartsTest, TensorsOfAllPartsAreFoundInTheirFiles) {
  write_three();
  const auto parts = open_gguf_parts(path("m-00001-of-00003.gguf"));
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  ASSERT_EQ(parts->files.size(), 3);
  EXPECT_EQ(parts->gguf.tensors().size(), 3);
  int fill = 0;
  for (const char* name : {"a", "b", "c"}) {
    const GgufTensor* const tensor = parts->gguf.find_tensor(name);
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(tensor->part, fill);
    std::byte first{};
    ASSERT_TRUE(parts->files[static_cast<size_t>(tensor->part)]->read(tensor->offset, {&first, 1}).ok());
    EXPECT_EQ(first, std::byte(++fill)) << name;
  }
}

TEST_F(GgufPartsTest, AFirstPartMayHaveNoTensors) {
  GgufWriter first;
  first.preamble(3, 0, 2).number_key("split.no", 0).number_key("split.count", 2).data(0);
  write("m-00001-of-00002.gguf", first);
  write("m-00002-of-00002.gguf", part_of(1, 2, "b", std::byte(2)));
  const auto parts = open_gguf_parts(path("m-00001-of-00002.gguf"));
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  EXPECT_EQ(parts->gguf.find_tensor("b")->part, 1);
}

TEST_F(GgufPartsTest, AHeaderMayBeLong) {
  GgufWriter writer;
  writer.preamble(3, 1, 2).text("long").put<uint32_t>(8).text(std::string(5 << 20, 'x')).number_key("after", 7);
  writer.tensor("a", {8}, 0, 0).data(32, std::byte(9));
  write("long.gguf", writer);
  const auto parts = open_gguf_parts(path("long.gguf"));
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  EXPECT_EQ(**parts->gguf.find_int("after", 0, 9), 7);
  EXPECT_EQ((**parts->gguf.find_string("long")).size(), 5U << 20);
  EXPECT_LT(parts->head.size(), 20U << 20);
}

TEST_F(GgufPartsTest, AFileOfOnePartMayHaveAnyName) {
  write("whole.gguf", part_of(0, 1, "a", std::byte(1), 1));
  const auto parts = open_gguf_parts(path("whole.gguf"));
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  EXPECT_EQ(parts->files.size(), 1);
}

TEST_F(GgufPartsTest, ErrorsNameThePartAndWhatIsWrong) {
  write_three();
  const std::string first = "m-00001-of-00003.gguf";
  const std::string second = "m-00002-of-00003.gguf";
  expect_error(second, second + ": is part 2 of 3: give the first, " + first);

  write("other.gguf", part_of(0, 3, "a", std::byte(1)));
  expect_error("other.gguf", "its name must end in -00001-of-00003.gguf");
  write("other.gguf", part_of(1, 3, "a", std::byte(1)));
  expect_error("other.gguf", "is part 2 of 3: give the first one's path");

  write(second, part_of(2, 3, "b", std::byte(2)));
  expect_error(first, second + ": \"split.no\" is 2, must be 1, as its name says");
  write(second, part_of(1, 4, "b", std::byte(2)));
  expect_error(first, second + ": \"split.count\" is 4, must be 3, as in the first part");
  write(second, part_of(1, 3, "a", std::byte(2)));
  expect_error(first, second + ": the tensor \"a\" is in an earlier part too");
  write(second, GgufWriter().put<uint32_t>(7));
  expect_error(first, second + ": not a GGUF file");
  std::filesystem::remove(path(second));
  expect_error(first, first + ": part 2 of 3: cannot open " + path(second));

  write_three();
  write(first, part_of(0, 3, "a", std::byte(1), 4));
  expect_error(first, first + ": \"split.tensors.count\" is 4, the 3 parts have 3 tensors");
  write(first, part_of(0, 70000, "a", std::byte(1)));
  expect_error(first, "\"split.count\" is 70000, must be an integer between 0 and 65535");
}

}  // namespace
}  // namespace braid
