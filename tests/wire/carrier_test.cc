#include "wire/carrier.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace flow;        // NOLINT: a test
using namespace flow::wire;  // NOLINT

// What an outbox sent, as a socket hands it out.
struct Sent {
  void operator()(const Frames& frames) const {
    std::vector<std::byte> first(frames.head.begin(), frames.head.end());
    first.insert(first.end(), frames.tail.begin(), frames.tail.end());
    Received& received = messages->emplace_back();
    received.first = Bytes::take(std::move(first));
    for (const Bytes& payload : frames.payloads) {
      if (++received.frames == 2) {
        received.second = payload;
      } else {
        received.others.push_back(payload);
      }
    }
  }
  std::vector<Received>* messages;
};

// A message that is an envelope and some bytes.
std::vector<std::byte> message(char fill, std::size_t payload) {
  std::vector<std::byte> bytes(kEnvelopeSize + payload, static_cast<std::byte>(fill));
  const std::uint16_t kind = 1;
  std::memcpy(bytes.data() + 6, &kind, sizeof kind);
  return bytes;
}

std::vector<Received> unpack(const Received& received) {
  std::vector<Received> messages;
  const Status status =
      for_each_message(received, [&](Received one) { messages.push_back(std::move(one)); });
  CHECK(status.ok());
  return messages;
}

Bytes bytes_of(const std::vector<std::byte>& message) {
  return Bytes::copy_of(message);
}

Received frame(Bytes bytes) {
  Received received;
  received.first = std::move(bytes);
  return received;
}

}  // namespace

TEST_CASE("a message alone travels as itself") {
  std::vector<Received> sent;
  Outbox outbox;
  const auto one = message('a', 40);
  outbox.post({one, {}, {}}, Sent{&sent});
  CHECK(sent.empty());
  CHECK_FALSE(outbox.empty());
  outbox.flush(Sent{&sent}, kMaxFrames);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].first == bytes_of(one));
  CHECK(outbox.empty());
}

TEST_CASE("several small messages travel in one and come out in order") {
  std::vector<Received> sent;
  Outbox outbox;
  for (const char fill : {'a', 'b', 'c'})
    outbox.post({message(fill, 10), {}, {}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  REQUIRE(sent.size() == 1);
  const auto messages = unpack(sent[0]);
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].first == bytes_of(message('a', 10)));
  CHECK(messages[2].first == bytes_of(message('c', 10)));
}

TEST_CASE("payloads with a frame of their own go along uncopied, each with its message") {
  std::vector<Received> sent;
  Outbox outbox;
  const Bytes one = Bytes::copy_of(std::string(65'536, 'p'));
  const Bytes two = Bytes::copy_of(std::string(9000, 'q'));
  const Bytes three = Bytes::copy_of(std::string(10'000, 'r'));
  outbox.post({message('a', 0), {}, {&one, 1}}, Sent{&sent});
  outbox.post({message('b', 10), {}, {}}, Sent{&sent});
  outbox.post({message('c', 0), {}, {&two, 1}}, Sent{&sent});
  outbox.post({message('d', 0), {}, {&three, 1}}, Sent{&sent});
  CHECK(sent.empty());
  outbox.flush(Sent{&sent}, kMaxFrames);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].frames == 4);

  const auto messages = unpack(sent[0]);
  REQUIRE(messages.size() == 4);
  CHECK(messages[0].first == bytes_of(message('a', 0)));
  CHECK(messages[0].frames == 2);
  CHECK(messages[0].second.data() == one.data());
  CHECK(messages[1].first == bytes_of(message('b', 10)));
  CHECK(messages[1].frames == 1);
  CHECK(messages[1].second.empty());
  CHECK(messages[2].second.data() == two.data());
  CHECK(messages[3].frames == 2);
  CHECK(messages[3].second.data() == three.data());
  CHECK(messages[3].others.empty());

  // The outbox forgets them: the next message has no payload of theirs.
  outbox.post({message('e', 10), {}, {}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].frames == 1);
}

TEST_CASE("what has many payloads leaves in equal shares") {
  std::vector<Received> sent;
  Outbox outbox;
  const Bytes payload = Bytes::copy_of(std::string(9000, 'p'));
  const auto post = [&](const std::string& fills) {
    sent.clear();
    for (const char fill : fills) {
      if (fill == 's') {
        outbox.post({message(fill, 10), {}, {}}, Sent{&sent});
      } else {
        outbox.post({message(fill, 0), {}, {&payload, 1}}, Sent{&sent});
      }
    }
  };
  const auto shares = [&] {
    std::string all;
    for (const Received& carrier : sent) {
      for (const Received& one : unpack(carrier)) {
        const char fill = static_cast<char>(one.first.data()[8]);
        CHECK(one.frames == (fill == 's' ? 1 : 2));
        CHECK(one.second.size() == (fill == 's' ? 0 : payload.size()));
        all += fill;
      }
      all += ' ';
    }
    return all;
  };
  post("abcdefg");
  outbox.flush(Sent{&sent}, 4);
  CHECK(shares() == "abcdefg ");  // less than twice as many
  post("abcdefgh");
  outbox.flush(Sent{&sent}, 4);
  CHECK(shares() == "abcd efgh ");
  post("sasbscsdss");
  outbox.flush(Sent{&sent}, 1);
  CHECK(shares() == "sa sb sc sdss ");
  post("abc");
  outbox.flush(Sent{&sent}, 1);
  CHECK(shares() == "a b c ");
  CHECK(outbox.empty());

  CHECK(payloads_together(0) == 1);
  CHECK(payloads_together(15) == 1);
  CHECK(payloads_together(64) == 8);
  CHECK(payloads_together(100'000) == kMaxFrames - 1);
}

TEST_CASE("a message alone keeps its payload's frame") {
  std::vector<Received> sent;
  Outbox outbox;
  const Bytes payload = Bytes::copy_of(std::string(65'536, 'p'));
  outbox.post({message('a', 0), {}, {&payload, 1}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].first == bytes_of(message('a', 0)));
  CHECK(sent[0].frames == 2);
  CHECK(sent[0].second.data() == payload.data());
}

TEST_CASE("the last message of a carrier takes its bytes over, the others share them") {
  std::vector<Received> sent;
  Outbox outbox;
  for (const char fill : {'a', 'b', 'c'})
    outbox.post({message(fill, 10), {}, {}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  auto owner = std::make_shared<Bytes>(sent[0].first);
  const std::weak_ptr<Bytes> alive = owner;
  const std::span<const std::byte> bytes = owner->span();
  auto reader = CarrierReader::open(frame(Bytes::share(std::move(owner), bytes)));
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
  std::vector<Received> sent;
  Outbox outbox;
  outbox.post({message('a', 10), {}, {}}, Sent{&sent});
  const Bytes payload = Bytes::copy_of(std::string(kMaxAttached + 1, 'p'));
  outbox.post({message('b', 0), {}, {&payload, 1}}, Sent{&sent});
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].first == bytes_of(message('a', 10)));
  CHECK(sent[1].second.data() == payload.data());
  CHECK(outbox.empty());

  outbox.post({message('a', 10), {}, {}}, Sent{&sent});
  outbox.post({message('c', kMaxCarried), {}, {}}, Sent{&sent});
  REQUIRE(sent.size() == 4);
  CHECK(sent[3].first == bytes_of(message('c', kMaxCarried)));
  CHECK(outbox.empty());
}

TEST_CASE("payloads of a carrier stay below their limits, in bytes and in number") {
  for (const std::size_t size : {std::size_t{100}, std::size_t{9000}, kMaxAttached}) {
    CAPTURE(size);
    std::vector<Received> sent;
    Outbox outbox;
    const Bytes payload = Bytes::copy_of(std::string(size, 'p'));
    for (int i = 0; i < 150; ++i)
      outbox.post({message('a', 0), {}, {&payload, 1}}, Sent{&sent});
    outbox.flush(Sent{&sent}, kMaxFrames);
    std::size_t messages = 0;
    for (const Received& carrier : sent) {
      CHECK(carrier.frames <= kMaxFrames);
      CHECK((static_cast<std::size_t>(carrier.frames) - 1) * size <= kMaxAttachments);
      messages += unpack(carrier).size();
    }
    CHECK(messages == 150);
    CHECK(sent.size() < 150);
  }
}

TEST_CASE("a large carrier may be sent from where it was written, a small one is copied") {
  std::vector<Received> sent;
  std::vector<Bytes> kept;
  Outbox outbox;
  const auto send = [&](const Frames& frames) {
    Sent{&sent}(frames);
    if (frames.kept == nullptr) return;
    CHECK(frames.tail.empty());
    CHECK(frames.kept->data() == frames.head.data());
    CHECK(frames.kept->size() == frames.head.size());
    kept.push_back(*frames.kept);
  };
  const Bytes payload = Bytes::copy_of("a frame of its own");
  for (const std::size_t size : {kMaxCarried / 2, std::size_t{100}, kMaxCarried / 2}) {
    for (int i = 0; i < 4; ++i)
      outbox.post({message(static_cast<char>('a' + i), size), {}, {&payload, i == 0 ? 1U : 0U}},
                  send);
    outbox.flush(send, kMaxFrames);
  }

  REQUIRE(sent.size() == 3);
  REQUIRE(kept.size() == 2);  // still what they were, although more was written
  CHECK(kept[0] == sent[0].first);
  CHECK(kept[1] == sent[2].first);
  for (const Received& each : sent) {
    const std::vector<Received> messages = unpack(each);
    REQUIRE(messages.size() == 4);
    CHECK(messages[0].second == payload);
  }
}

TEST_CASE("a carrier in shares is copied, as each writes into what the one before was") {
  std::vector<Received> sent;
  Outbox outbox;
  const auto send = [&](const Frames& frames) {
    CHECK(frames.kept == nullptr);
    Sent{&sent}(frames);
  };
  const Bytes payload = Bytes::copy_of("a frame of its own");
  for (int i = 0; i < 4; ++i)
    outbox.post({message(static_cast<char>('a' + i), kMaxCarried / 2), {}, {&payload, 1}}, send);
  outbox.flush(send, 2);
  REQUIRE(sent.size() == 2);
  for (const Received& each : sent)
    CHECK(unpack(each).size() == 2);
}

TEST_CASE("a carrier stays below its limit") {
  std::vector<Received> sent;
  Outbox outbox;
  for (int i = 0; i < 200; ++i)
    outbox.post({message('a', 1000), {}, {}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  std::size_t messages = 0;
  CHECK(sent.size() > 1);
  for (const Received& carrier : sent) {
    CHECK(carrier.first.size() <= kMaxCarrier);
    messages += unpack(carrier).size();
  }
  CHECK(messages == 200);
}

TEST_CASE("an inbox hands out carriers and plain messages alike and counts broken ones") {
  std::vector<Received> sent;
  Outbox outbox;
  for (const char fill : {'a', 'b'})
    outbox.post({message(fill, 10), {}, {}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  sent.push_back(frame(sent[0].first.slice(0, sent[0].first.size() - 1)));
  sent.push_back(frame(bytes_of(message('c', 5))));

  Inbox inbox;
  std::size_t next = 0;
  const auto receive = [&](Received& received) {
    if (next == sent.size()) return false;
    received = sent[next++];
    return true;
  };
  Received received;
  REQUIRE(inbox.next(received, receive));
  CHECK(received.first == bytes_of(message('a', 10)));
  CHECK(inbox.pending());
  REQUIRE(inbox.next(received, receive));
  CHECK_FALSE(inbox.pending());
  REQUIRE(inbox.next(received, receive));
  CHECK(received.first == bytes_of(message('c', 5)));
  CHECK_FALSE(inbox.next(received, receive));
  CHECK(inbox.malformed() == 1);
}

TEST_CASE("a carrier cut anywhere, or with a carrier inside, is refused") {
  std::vector<Received> sent;
  Outbox outbox;
  for (const char fill : {'a', 'b', 'c'})
    outbox.post({message(fill, 33), {}, {}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  const Bytes carrier = sent[0].first;
  for (std::size_t size = 0; size < carrier.size(); ++size) {
    CHECK_FALSE(CarrierReader::open(frame(carrier.slice(0, size))).ok());
  }
  sent.clear();
  const std::vector<std::byte> inner(carrier.span().begin(), carrier.span().end());
  outbox.post({inner, {}, {}}, Sent{&sent});
  outbox.post({inner, {}, {}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  CHECK_FALSE(CarrierReader::open(std::move(sent[0])).ok());
}

TEST_CASE("a carrier with more or fewer frames than its messages say is refused") {
  std::vector<Received> sent;
  Outbox outbox;
  const Bytes payload = Bytes::copy_of(std::string(9000, 'p'));
  for (const char fill : {'a', 'b', 'c'})
    outbox.post({message(fill, 0), {}, {&payload, 1}}, Sent{&sent});
  outbox.flush(Sent{&sent}, kMaxFrames);
  REQUIRE(sent.size() == 1);
  CHECK(CarrierReader::open(sent[0]).ok());

  Received fewer = sent[0];
  fewer.others.pop_back();
  --fewer.frames;
  CHECK_FALSE(CarrierReader::open(fewer).ok());
  Received more = sent[0];
  more.others.push_back(payload);
  ++more.frames;
  CHECK_FALSE(CarrierReader::open(more).ok());
  Received cut = sent[0];  // as a socket cuts what has too many
  cut.frames = kMaxFrames + 1;
  CHECK_FALSE(CarrierReader::open(cut).ok());
}
