// What a message costs in allocations, from decoding to encoding. A program of its own: it counts
// every allocation of the process.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <utility>

#include "core.h"
#include "worker_fixture.h"

namespace {

std::size_t allocations = 0;

void* allocate(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

class EncodingPort final : public WorkerPort {
 public:
  void send_part(InstanceId /*to*/, const wire::PartHeader& header, const Bytes& payload) override {
    bytes += encoder.encode(header, payload).head.size();
  }
  void publish_part(InstanceId /*lane*/, const wire::PartHeader& header,
                    const Bytes& payload) override {
    bytes += encoder.encode(header, payload).head.size();
  }
  void progress(RequestId /*request*/, wire::Progress /*progress*/) override { ++reported; }

  wire::PartEncoder encoder;
  std::size_t bytes = 0;
  int reported = 0;
};

// One frame, as a socket hands it over.
Bytes message(const Bench& bench) {
  const PartPointer part = bench.part("first", {"a document"});
  wire::PartEncoder encoder;
  const Frames frames = encoder.encode(part->header, part->payload);
  std::vector<std::byte> all(frames.head.begin(), frames.head.end());
  all.insert(all.end(), frames.tail.begin(), frames.tail.end());
  return Bytes::take(std::move(all));
}

}  // namespace

TEST_CASE("a part that passes through allocates nothing once the worker is warm") {
  const Bench bench(
      make_graph({{"first", {"gateway"}}, {"second", {"first"}}, {"third", {"second"}}}, "third"),
      "second");
  EncodingPort port;
  FakeExecution execution;
  Self self;
  self.instance = bench.instance("second");
  self.node = bench.node("second");
  self.host = kHost;
  Core core(self, execution, port);
  core.set_topology(bench.topology, at(0ms));
  const Bytes bytes = message(bench);

  const auto pass = [&] {
    Received received;
    received.first = bytes;
    PartPointer part = core.blank();
    REQUIRE(wire::decode_part(std::move(received), *part).ok());
    core.receive(std::move(part), at(0ms));
    Instant ended;
    REQUIRE(core.execute_next(at(0ms), ended));
  };
  for (int i = 0; i < 3; ++i)
    pass();
  const std::size_t before = allocations;
  for (int i = 0; i < 100; ++i)
    pass();

  CHECK(allocations - before == 0);
  CHECK(execution.runs == 103);
  CHECK(port.reported == 206);
}
