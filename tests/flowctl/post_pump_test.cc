#include "flowctl/post_pump.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "../client/fake_gateway.h"

namespace flow::flowctl {
namespace {

// Sends what is written to stdout to a descriptor for a while.
class Redirected {
 public:
  explicit Redirected(int to) : saved_(::dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    ::dup2(to, STDOUT_FILENO);
  }
  ~Redirected() {
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  int saved_;
};

struct Files {
  Files() {
    folder = (std::filesystem::temp_directory_path() / "flow-post-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
  }
  ~Files() { std::filesystem::remove_all(folder); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::string folder;
};

std::string lines(int from, int to) {
  std::string out;
  for (int i = from; i < to; ++i)
    out += "{\"text\":\"" + std::to_string(i) + "\"}\n";
  return out;
}

struct Outcome {
  int code = -1;
  std::string out;
};

// Posts the content of a file as `flowctl post --input FILE` does.
Outcome post(const FakeGateway& gateway, const std::string& content, PumpOptions options) {
  const Files files;
  const std::string path = files.folder + "/in.jsonl";
  const std::string out_path = files.folder + "/out";
  std::ofstream(path) << content;
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  net::Waker stop;
  Result<DocumentReader> reader = DocumentReader::of_lines(path, stop.fd());
  REQUIRE(reader.ok());
  Outcome outcome;
  {
    const int out = ::open(out_path.c_str(), O_WRONLY | O_CREAT, 0600);
    const Redirected redirected(out);
    ::close(out);
    outcome.code = PostPump(std::move(*client), std::move(options),
                            ReplyPrinter(ReplyFormat::kLines, false, {}, 0), stop)
                       .run(&*reader);
  }
  std::ostringstream text;
  text << std::ifstream(out_path).rdbuf();
  outcome.out = text.str();
  return outcome;
}

PumpOptions pump_options() {
  PumpOptions options;
  options.endpoint = "/a";
  options.post.request_size = 3;
  options.post.concurrency = 4;
  return options;
}

struct EchoGateway : FakeGateway {
  EchoGateway()
      : FakeGateway(
            [this](net::PeerId peer, wire::Request request) { respond(peer, echo(request)); }) {}
};

}  // namespace

TEST_CASE("documents come back as lines in the order of the input") {
  EchoGateway gateway;
  gateway.start();
  const Outcome outcome = post(gateway, lines(0, 100), pump_options());
  CHECK(outcome.code == 0);
  CHECK(outcome.out == lines(0, 100));
}

TEST_CASE("a bad line ends the input with 65; what was read before is sent and printed") {
  EchoGateway gateway;
  gateway.start();
  const Outcome outcome = post(gateway, lines(0, 2) + "{bad\n" + lines(3, 5), pump_options());
  CHECK(outcome.code == 65);
  CHECK(outcome.out == lines(0, 2));
}

TEST_CASE("a failed request does not stop the others, and the exit code tells") {
  FakeGateway* self = nullptr;
  int count = 0;
  FakeGateway gateway([&](net::PeerId peer, wire::Request request) {
    wire::Response response = echo(request);
    if (++count == 2) {
      response.failure = std::make_unique<wire::Failure>();
      response.failure->code = Errc::kExecutorError;
      response.payload = Bytes();
    }
    self->respond(peer, std::move(response));
  });
  self = &gateway;
  gateway.start();
  const Outcome outcome = post(gateway, lines(0, 9), pump_options());
  CHECK(outcome.code == 1);
  CHECK(outcome.out == lines(0, 3) + lines(6, 9));
}

TEST_CASE("when nobody reads the output it ends, even while waiting for more input") {
  EchoGateway gateway;
  gateway.start();
  ::signal(SIGPIPE, SIG_IGN);  // as flowctl's main does
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  REQUIRE(::pipe(in.data()) == 0);
  REQUIRE(::pipe(out.data()) == 0);
  ::close(out[0]);
  const std::string some = lines(0, 3);
  REQUIRE(::write(in[1], some.data(), some.size()) == static_cast<ssize_t>(some.size()));
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  net::Waker stop;
  Result<DocumentReader> reader =
      DocumentReader::of_lines("/proc/self/fd/" + std::to_string(in[0]), stop.fd());
  REQUIRE(reader.ok());
  int code = -1;
  {
    const Redirected redirected(out[1]);
    code = PostPump(std::move(*client), pump_options(),
                    ReplyPrinter(ReplyFormat::kLines, false, {}, 0), stop)
               .run(&*reader);
  }
  CHECK(code == 0);
  for (const int fd : {in[0], in[1], out[1]})
    ::close(fd);
}

TEST_CASE("output that cannot be written is a failure") {
  EchoGateway gateway;
  gateway.start();
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  net::Waker stop;
  Result<DocumentReader> reader = DocumentReader::of_json(R"({"text":"a"})");
  REQUIRE(reader.ok());
  int code = -1;
  {
    const Redirected redirected(full);
    code = PostPump(std::move(*client), pump_options(),
                    ReplyPrinter(ReplyFormat::kLines, false, {}, 0), stop)
               .run(&*reader);
  }
  ::close(full);
  CHECK(code == 1);
}

}  // namespace flow::flowctl
