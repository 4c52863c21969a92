#include "base/bytes.h"

#include <doctest/doctest.h>

#include <memory>

namespace flow {

TEST_CASE("copied bytes are aligned to 16 and independent of their source") {
  std::string source = "some bytes";
  const Bytes bytes = Bytes::copy_of(source);
  source.assign(source.size(), 'x');
  CHECK(bytes.text() == "some bytes");
  CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % 16 == 0);
}

TEST_CASE("empty bytes have no owner and compare equal") {
  CHECK(Bytes().empty());
  CHECK(Bytes::copy_of("") == Bytes());
  CHECK(Bytes::take({}).data() == nullptr);
}

TEST_CASE("copies and slices share the bytes and keep the owner alive") {
  auto owner = std::make_shared<const std::string>("0123456789");
  std::weak_ptr<const std::string> watch = owner;
  const std::span<const std::byte> view = std::as_bytes(std::span(*owner));
  Bytes whole = Bytes::share(std::move(owner), view);
  const Bytes copy = whole;
  Bytes slice = whole.slice(2, 5).slice(1, 3);
  CHECK(copy.data() == whole.data());
  CHECK(slice.text() == "345");
  CHECK(slice.data() == whole.data() + 3);
  whole = Bytes();
  CHECK_FALSE(watch.expired());
  CHECK(slice == Bytes::copy_of("345"));
  const Bytes moved = std::move(slice);
  CHECK(moved.text() == "345");
  CHECK(slice.empty());  // NOLINT(bugprone-use-after-move): a moved-from Bytes is empty
}

TEST_CASE("the last copy releases the owner") {
  auto owner = std::make_shared<const std::string>("x");
  std::weak_ptr<const std::string> watch = owner;
  const std::span<const std::byte> view = std::as_bytes(std::span(*owner));
  {
    const Bytes bytes = Bytes::share(std::move(owner), view);
    const Bytes copy = bytes;
  }
  CHECK(watch.expired());
}

TEST_CASE("clear lets go of the owner, but not for those who share it") {
  auto owner = std::make_shared<const std::string>("shared");
  std::weak_ptr<const std::string> watch = owner;
  const std::span<const std::byte> view = std::as_bytes(std::span(*owner));
  Bytes bytes = Bytes::share(std::move(owner), view);
  Bytes slice = bytes.slice(0, 3);
  bytes.clear();
  CHECK(bytes.empty());
  CHECK(slice.text() == "sha");
  slice.clear();
  CHECK(watch.expired());
}

TEST_CASE("kept bytes end what keeps them once, with the last copy") {
  struct Counter {
    explicit Counter(int& endings) : ended(endings) {}
    ~Counter() { ++ended; }
    int& ended;
  };
  int ended = 0;
  Bytes first = Bytes::keep<Counter>({}, ended);
  {
    const Bytes second = first;
    first = Bytes();
    CHECK(ended == 0);
  }
  CHECK(ended == 1);
}

TEST_CASE("a taken vector is not copied") {
  std::vector<std::byte> vector(100, std::byte{7});
  const std::byte* data = vector.data();
  const Bytes bytes = Bytes::take(std::move(vector));
  CHECK(bytes.data() == data);
  CHECK(bytes.size() == 100);
}

}  // namespace flow
