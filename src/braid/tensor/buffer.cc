#include "braid/tensor/buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kSmallPage = 4096;

// What `new` throws too; the program's edge turns it into an error message.
class NoMemory : public std::bad_alloc {
 public:
  NoMemory(int64_t bytes, int error)
      : message_(fmt::format("cannot reserve {} bytes of memory: {}", bytes, std::strerror(error))) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

int64_t round_up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

// Only whole ones: the unused rest of the last huge page would be wasted memory.
int64_t bytes_on_huge_pages(int64_t bytes) {
  return bytes / kHugePage * kHugePage;
}

Mapping::Mapping(int64_t bytes, PageSize page_size) : bytes_(round_up(bytes, kSmallPage)) {
  map(-1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, 0, page_size);
}

Mapping::Mapping(int file, int64_t bytes, int64_t offset) : bytes_(round_up(bytes, kSmallPage)) {
  CHECK(offset % kHugePage == 0, "a mapping of a file from byte {} on", offset);
  map(file, MAP_SHARED | MAP_NORESERVE, offset, PageSize::kHuge);
}

// A file begins at a huge page of the address space, so that its huge pages are those of memory.
void Mapping::map(int file, int flags, int64_t offset, PageSize page_size) {
  const bool is_huge = page_size == PageSize::kHuge && bytes_ >= kHugePage;
  const int64_t reserve = is_huge ? bytes_ + kHugePage : bytes_;
  void* mapped =
      mmap(nullptr, static_cast<size_t>(reserve), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw NoMemory(reserve, errno);
  data_ = static_cast<std::byte*>(mapped);
  if (is_huge) {
    const auto address = reinterpret_cast<uintptr_t>(data_);
    const auto lead = static_cast<int64_t>((kHugePage - address % kHugePage) % kHugePage);
    if (lead > 0) munmap(data_, static_cast<size_t>(lead));
    data_ += lead;
    if (lead < kHugePage) munmap(data_ + bytes_, static_cast<size_t>(kHugePage - lead));
  }
  mapped = mmap(data_, static_cast<size_t>(bytes_), PROT_READ | PROT_WRITE, flags | MAP_FIXED, file, offset);
  if (mapped == MAP_FAILED) {
    const int error = errno;
    munmap(data_, static_cast<size_t>(bytes_));
    throw NoMemory(bytes_, error);
  }
  if (is_huge) madvise(data_, static_cast<size_t>(bytes_on_huge_pages(bytes_)), MADV_HUGEPAGE);
  if (page_size == PageSize::kSmall) madvise(data_, static_cast<size_t>(bytes_), MADV_NOHUGEPAGE);
}

void Mapping::make_read_only() const {
  CHECK(mprotect(data_, static_cast<size_t>(bytes_), PROT_READ) == 0, "{}", std::strerror(errno));
}

// A page of which nothing is there is not made one: so its first byte is touched.
void back_huge_pages_of_file(std::span<std::byte> pages) {
  constexpr int kCollapse = 25;  // MADV_COLLAPSE, of Linux 6.1
  for (size_t at = 0; at < pages.size(); at += static_cast<size_t>(kHugePage)) {
    volatile std::byte* const first = &pages[at];
    *first = *first;
  }
  madvise(pages.data(), pages.size(), kCollapse);
}

void map_now(std::span<std::byte> bytes) {
  constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data()) / kSmallPage * kSmallPage;
  const auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size());
  madvise(reinterpret_cast<void*>(begin), end - begin, kPopulateRead);
}

Mapping::~Mapping() {
  munmap(data_, static_cast<size_t>(bytes_));
}

Buffer::Buffer(int64_t bytes, PageSize page_size) : bytes_(bytes) {
  CHECK(bytes >= 0, "a buffer of {} bytes", bytes);
  if (bytes == 0) return;
  const auto mapping = std::make_shared<const Mapping>(bytes, page_size);
  data_ = mapping->data();
  owner_ = mapping;
}

Buffer::Buffer(std::shared_ptr<const Mapping> mapping, int64_t offset, int64_t bytes)
    : data_(mapping->data() + offset), bytes_(bytes) {
  CHECK(offset >= 0 && bytes >= 0 && offset + bytes <= mapping->bytes(), "bytes {} to {} of a mapping of {}", offset,
        offset + bytes, mapping->bytes());
  owner_ = std::move(mapping);
}

Buffer::Buffer(Buffer&& other) noexcept
    : owner_(std::move(other.owner_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace braid
