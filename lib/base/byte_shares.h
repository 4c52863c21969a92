// Shares in what keeps Bytes, counted many at a time. One atomic operation for each message of a
// carrier costs as much as reading its header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/bytes.h"

namespace flow {

// Hands out portions of one Bytes, each as its slice() would be. One thread.
class BytesPortions {
 public:
  BytesPortions() = default;

  // At most `most` portions, one at least, will be taken.
  BytesPortions(Bytes whole, std::uint32_t most) : whole_(std::move(whole)), left_(most) {
    FLOW_CHECK(most > 0, "no portion at all");
    whole_.add_shares(left_ - 1);
  }
  ~BytesPortions() { give_back(); }
  BytesPortions(BytesPortions&& other) noexcept
      : whole_(std::move(other.whole_)), left_(std::exchange(other.left_, 0)) {}
  BytesPortions& operator=(BytesPortions&& other) noexcept {
    give_back();
    whole_ = std::move(other.whole_);
    left_ = std::exchange(other.left_, 0);
    return *this;
  }

  // Empty once the last portion was taken.
  const Bytes& whole() const { return whole_; }

  Bytes take(std::size_t offset, std::size_t size) {
    FLOW_CHECK(left_ > 0, "more portions than were asked for");
    Bytes portion = --left_ > 0 ? whole_.with_added_share() : std::move(whole_);
    portion.narrow(offset, size);
    return portion;
  }

 private:
  void give_back() {
    if (left_ > 1) whole_.drop_shares(left_ - 1);
  }

  Bytes whole_;
  std::uint32_t left_ = 0;  // portions; all but one have a share of their own
};

// Lets go of Bytes: of those that come in a row and have one keeper all at once, at the latest in
// empty(). One thread.
class BytesBin {
 public:
  BytesBin() = default;
  ~BytesBin() { empty(); }
  BytesBin(const BytesBin&) = delete;
  BytesBin& operator=(const BytesBin&) = delete;

  void put(Bytes&& bytes) {
    if (newest_.has_same_keeper(bytes)) {
      bytes.leave_share();
      ++more_;
    } else {
      empty();
      newest_ = std::move(bytes);
    }
  }

  void empty() {
    if (more_ > 0) newest_.drop_shares(std::exchange(more_, 0));
    newest_.clear();
  }

 private:
  Bytes newest_;
  std::uint32_t more_ = 0;  // shares beside its own
};

}  // namespace flow
