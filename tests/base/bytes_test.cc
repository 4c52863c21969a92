#include "base/bytes.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "base/byte_shares.h"

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

TEST_CASE("narrowed bytes are the part, where it was") {
  Bytes bytes = Bytes::copy_of("0123456789");
  const std::byte* data = bytes.data();

  bytes.narrow(2, 5);
  CHECK(bytes.text() == "23456");
  CHECK(bytes.data() == data + 2);
  bytes.narrow(5, 0);
  CHECK(bytes.empty());
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

TEST_CASE("portions share the bytes as slices do, also when not all are taken") {
  auto owner = std::make_shared<const std::string>("0123456789");
  std::weak_ptr<const std::string> watch = owner;
  const std::span<const std::byte> view = std::as_bytes(std::span(*owner));
  BytesPortions portions(Bytes::share(std::move(owner), view), 3);

  Bytes first = portions.take(0, 4);
  Bytes second = portions.take(4, 2);
  CHECK(first.text() == "0123");
  CHECK(second.text() == "45");
  first.clear();
  second.clear();
  CHECK_FALSE(watch.expired());
  SUBCASE("one is left over") {
    BytesPortions moved = std::move(portions);
    moved = BytesPortions();
  }
  SUBCASE("all are taken") {
    Bytes third = portions.take(6, 4);
    CHECK(third.text() == "6789");
    CHECK(portions.whole().empty());
    third.clear();
  }
  CHECK(watch.expired());
}

TEST_CASE("a bin lets go of everything at the latest when it is emptied") {
  auto owner = std::make_shared<const std::string>("0123456789");
  std::weak_ptr<const std::string> watch = owner;
  const std::span<const std::byte> view = std::as_bytes(std::span(*owner));
  Bytes whole = Bytes::share(std::move(owner), view);
  Bytes copy = whole;
  Bytes kept = whole.slice(2, 3);
  BytesBin bin;

  bin.put(std::move(whole));
  bin.put(std::move(copy));
  SUBCASE("others keep it") {
    bin.empty();
    CHECK(kept.text() == "234");
    CHECK_FALSE(watch.expired());
    kept.clear();
    CHECK(watch.expired());
  }
  SUBCASE("nobody else does") {
    bin.put(std::move(kept));
    CHECK_FALSE(watch.expired());
    bin.put(Bytes::copy_of("another"));
    CHECK(watch.expired());
  }
  SUBCASE("it goes") {
    kept.clear();
    bin.empty();
    CHECK(watch.expired());
  }
}

}  // namespace flow
