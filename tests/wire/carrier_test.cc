#include "wire/carrier.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace flow;        // NOLINT: a test
using namespace flow::wire;  // NOLINT

// What an outbox sent, each message as one run of bytes.
struct Sent {
  void operator()(const Frames& frames) const {
    std::vector<std::byte> all(frames.head.begin(), frames.head.end());
    all.insert(all.end(), frames.tail.begin(), frames.tail.end());
    if (frames.second != nullptr) {
      all.insert(all.end(), frames.second->span().begin(), frames.second->span().end());
    }
    messages->push_back(Bytes::take(std::move(all)));
  }
  std::vector<Bytes>* messages;
};

// A message that is an envelope and some bytes.
std::vector<std::byte> message(char fill, std::size_t payload) {
  std::vector<std::byte> bytes(kEnvelopeSize + payload, static_cast<std::byte>(fill));
  const std::uint16_t kind = 1;
  std::memcpy(bytes.data() + 6, &kind, sizeof kind);
  return bytes;
}

std::vector<Bytes> unpack(const Bytes& received) {
  std::vector<Bytes> messages;
  const Status status = for_each_message(
      {received, {}, 1}, [&](Received one) { messages.push_back(std::move(one.first)); });
  CHECK(status.ok());
  return messages;
}

}  // namespace

TEST_CASE("a message alone travels as itself") {
  std::vector<Bytes> sent;
  Outbox outbox;
  const auto one = message('a', 40);
  outbox.post({one, {}, nullptr}, Sent{&sent});
  CHECK(sent.empty());
  CHECK_FALSE(outbox.empty());
  outbox.flush(Sent{&sent});
  REQUIRE(sent.size() == 1);
  CHECK(sent[0] == Bytes::copy_of(one));
  CHECK(outbox.empty());
}

TEST_CASE("several small messages travel in one and come out in order") {
  std::vector<Bytes> sent;
  Outbox outbox;
  for (const char fill : {'a', 'b', 'c'})
    outbox.post({message(fill, 10), {}, nullptr}, Sent{&sent});
  outbox.flush(Sent{&sent});
  REQUIRE(sent.size() == 1);
  const auto messages = unpack(sent[0]);
  REQUIRE(messages.size() == 3);
  CHECK(messages[0] == Bytes::copy_of(message('a', 10)));
  CHECK(messages[2] == Bytes::copy_of(message('c', 10)));
}

TEST_CASE("the last message of a carrier takes its bytes over, the others share them") {
  std::vector<Bytes> sent;
  Outbox outbox;
  for (const char fill : {'a', 'b', 'c'})
    outbox.post({message(fill, 10), {}, nullptr}, Sent{&sent});
  outbox.flush(Sent{&sent});
  auto owner = std::make_shared<Bytes>(sent[0]);
  const std::weak_ptr<Bytes> alive = owner;
  const std::span<const std::byte> bytes = owner->span();
  auto reader = CarrierReader::open({Bytes::share(std::move(owner), bytes), {}, 1});
  REQUIRE(reader.ok());
  std::vector<Received> messages(3);
  for (Received& each : messages)
    REQUIRE(reader->next(each));
  CHECK(reader->done());
  Received none;
  CHECK_FALSE(reader->next(none));
  messages.erase(messages.begin(), messages.begin() + 2);
  CHECK_FALSE(alive.expired());
  CHECK(messages[0].first == Bytes::copy_of(message('c', 10)));
  messages.clear();
  CHECK(alive.expired());  // the reader is still there
}

TEST_CASE("a large message travels alone, behind what came before it") {
  std::vector<Bytes> sent;
  Outbox outbox;
  outbox.post({message('a', 10), {}, nullptr}, Sent{&sent});
  const Bytes payload = Bytes::copy_of(std::string(100'000, 'p'));
  outbox.post({message('b', 0), {}, &payload}, Sent{&sent});
  REQUIRE(sent.size() == 2);
  CHECK(sent[0] == Bytes::copy_of(message('a', 10)));
  CHECK(outbox.empty());
}

TEST_CASE("a carrier stays below its limit") {
  std::vector<Bytes> sent;
  Outbox outbox;
  for (int i = 0; i < 100; ++i)
    outbox.post({message('a', 1000), {}, nullptr}, Sent{&sent});
  outbox.flush(Sent{&sent});
  std::size_t messages = 0;
  for (const Bytes& carrier : sent) {
    CHECK(carrier.size() <= kMaxCarrier);
    messages += unpack(carrier).size();
  }
  CHECK(messages == 100);
}

TEST_CASE("an inbox hands out carriers and plain messages alike and counts broken ones") {
  std::vector<Bytes> sent;
  Outbox outbox;
  for (const char fill : {'a', 'b'})
    outbox.post({message(fill, 10), {}, nullptr}, Sent{&sent});
  outbox.flush(Sent{&sent});
  sent.push_back(sent[0].slice(0, sent[0].size() - 1));
  sent.push_back(Bytes::copy_of(message('c', 5)));

  Inbox inbox;
  std::size_t next = 0;
  const auto receive = [&](Received& received) {
    if (next == sent.size()) return false;
    received = {sent[next++], {}, 1};
    return true;
  };
  Received received;
  REQUIRE(inbox.next(received, receive));
  CHECK(received.first == Bytes::copy_of(message('a', 10)));
  CHECK(inbox.pending());
  REQUIRE(inbox.next(received, receive));
  CHECK_FALSE(inbox.pending());
  REQUIRE(inbox.next(received, receive));
  CHECK(received.first == Bytes::copy_of(message('c', 5)));
  CHECK_FALSE(inbox.next(received, receive));
  CHECK(inbox.malformed() == 1);
}

TEST_CASE("a carrier cut anywhere, or with a carrier inside, is refused") {
  std::vector<Bytes> sent;
  Outbox outbox;
  for (const char fill : {'a', 'b', 'c'})
    outbox.post({message(fill, 33), {}, nullptr}, Sent{&sent});
  outbox.flush(Sent{&sent});
  const Bytes carrier = sent[0];
  for (std::size_t size = 0; size < carrier.size(); ++size) {
    CHECK_FALSE(CarrierReader::open({carrier.slice(0, size), {}, 1}).ok());
  }
  sent.clear();
  const std::vector<std::byte> inner(carrier.span().begin(), carrier.span().end());
  outbox.post({inner, {}, nullptr}, Sent{&sent});
  outbox.post({inner, {}, nullptr}, Sent{&sent});
  outbox.flush(Sent{&sent});
  CHECK_FALSE(CarrierReader::open({sent[0], {}, 1}).ok());
}
