// What only Redis can do to us.
#include <doctest/doctest.h>

#include <fstream>

#include "tests/store/store_fixture.h"

namespace flow::store {
namespace {

TEST_CASE("a server that is killed and started again is found again and takes writes") {
  RedisBackend backend;
  RedisStore store(fast_options(backend.server()));
  const std::uint64_t term = acquire(store).term;

  backend.server().kill();
  CHECK(store.submit(SaveSpec{"written while it was away"}));
  CHECK(next<Disconnected>(store).has_value());
  backend.server().start();

  CHECK(next<Connected>(store).has_value());
  CHECK(store.flush(std::chrono::seconds(5)));
  CHECK(backend.spec() == "written while it was away");
  CHECK(acquire(store).term == term + 1);
}

TEST_CASE("a missing or wrong password is an outage that says so; the right one works") {
  RedisServer server({"--requirepass", "secret"});
  RedisOptions options = fast_options(server);
  {
    RedisStore store(options);
    CHECK(store.submit(Acquire{}));
    const auto gone = next<Disconnected>(store);
    REQUIRE(gone.has_value());
    CHECK(gone->reason.find("NOAUTH") != std::string::npos);
  }
  options.address.password = "wrong";
  {
    RedisStore store(options);
    CHECK(store.submit(Acquire{}));
    const auto gone = next<Disconnected>(store);
    REQUIRE(gone.has_value());
    CHECK(gone->reason.find("WRONGPASS") != std::string::npos);
    CHECK(gone->reason.find("wrong") == std::string::npos);
  }
  options.address.password = "secret";
  RedisStore store(options);
  CHECK(acquire(store).term == 1);
}

TEST_CASE("a server that stalls blocks nobody and is used again when it goes on") {
  RedisBackend backend;
  RedisStore store(fast_options(backend.server()));
  acquire(store);
  backend.server().pause();

  const SystemClock clock;
  const Instant before = clock.now();
  for (int i = 0; i < 100; ++i)
    CHECK(store.submit(AppendEvent{"joined", std::to_string(i)}));
  while (store.poll()) {
  }
  CHECK(clock.now() - before < std::chrono::milliseconds(200));
  CHECK(next<Disconnected>(store).has_value());
  backend.server().resume();

  CHECK(next<Connected>(store).has_value());
  CHECK(store.flush(std::chrono::seconds(5)));
  CHECK(backend.events() >= 100);
}

TEST_CASE("a server out of memory is an outage; the write is done when there is memory again") {
  RedisBackend backend;
  RedisStore store(fast_options(backend.server()));
  acquire(store);
  backend.command({"CONFIG", "SET", "maxmemory", "1"});

  CHECK(store.submit(SaveSpec{"[flow]"}));
  const auto gone = next<Disconnected>(store);
  REQUIRE(gone.has_value());
  CHECK(gone->reason.find("OOM") != std::string::npos);
  backend.command({"CONFIG", "SET", "maxmemory", "0"});

  CHECK(next<Connected>(store).has_value());
  CHECK(store.flush(std::chrono::seconds(5)));
  CHECK(backend.spec() == "[flow]");
}

TEST_CASE("a server that became a replica is an outage until it is a master again") {
  RedisBackend backend;
  RedisStore store(fast_options(backend.server()));
  acquire(store);
  backend.command({"REPLICAOF", "127.0.0.1", "1"});

  CHECK(store.submit(SaveSpec{"[flow]"}));
  const auto gone = next<Disconnected>(store);
  REQUIRE(gone.has_value());
  CHECK(gone->reason.find("READONLY") != std::string::npos);
  backend.command({"REPLICAOF", "NO", "ONE"});

  CHECK(next<Connected>(store).has_value());
  CHECK(store.flush(std::chrono::seconds(5)));
  CHECK(backend.spec() == "[flow]");
}

TEST_CASE("a key of another type costs that write alone") {
  RedisBackend backend;
  RedisStore store(fast_options(backend.server()));
  acquire(store);
  backend.command({"SET", "flow:{hello}:events", "not a stream"});

  CHECK(store.submit(AppendEvent{"joined", "x"}));
  CHECK(store.submit(SaveSpec{"[flow]"}));
  CHECK(store.flush(std::chrono::seconds(5)));

  CHECK(store.failed() == 1);
  CHECK(backend.spec() == "[flow]");
}

TEST_CASE("a long outage does not fill the queue with what newer writes replace") {
  RedisBackend backend;
  backend.away();
  RedisStore store(fast_options(backend.server()));
  REQUIRE(next<Disconnected>(store).has_value());

  for (std::size_t i = 0; i < 2 * kStoreQueue; ++i) {
    REQUIRE(store.submit(SaveHealth{"encode/rep-" + std::to_string(i % 100), std::to_string(i)}));
  }
  CHECK(store.refused() == 0);
  backend.back();
  CHECK(store.flush(std::chrono::seconds(5)));

  CHECK(backend.health().size() == 100);
  CHECK(backend.health().at("encode/rep-99") == std::to_string(2 * kStoreQueue - 93));
}

TEST_CASE("urls name a host or a socket") {
  const auto tcp = parse_redis_url("redis://:p@ss@10.0.0.7:7000/3");
  REQUIRE(tcp.ok());
  CHECK(tcp->host == "10.0.0.7");
  CHECK(tcp->port == 7000);
  CHECK(tcp->database == 3);
  CHECK(tcp->password == "p@ss");
  CHECK(to_string(*tcp) == "10.0.0.7:7000/3");
  const auto plain = parse_redis_url("redis://host");
  REQUIRE(plain.ok());
  CHECK(plain->port == 6379);
  CHECK(plain->database == 0);
  const auto six = parse_redis_url("redis://[::1]:1/");
  REQUIRE(six.ok());
  CHECK(six->host == "::1");
  CHECK(six->port == 1);
  const auto local = parse_redis_url("unix:///run/x.sock?db=2");
  REQUIRE(local.ok());
  CHECK(local->path == "/run/x.sock");
  CHECK(local->database == 2);
}

TEST_CASE("a url that is none says what was expected and keeps the password to itself") {
  for (const char* url : {"", "private", "http://x", "redis://", "redis://:secret@", "redis://h:0",
                          "redis://h:70000", "redis://h:", "redis://h/x", "redis://u:secret@h",
                          "unix://x", "unix:///x?y=1", "redis://[::1", "redis://[::1]x"}) {
    CAPTURE(url);
    const auto parsed = parse_redis_url(url);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message.find("expected redis://") != std::string::npos);
    CHECK(parsed.error().message.find("secret") == std::string::npos);
  }
}

TEST_CASE("a password comes from the first line of a file") {
  TempDir dir;
  const std::string path = dir.path() + "/password";
  std::ofstream(path) << "secret\nmore\n";
  std::ofstream(dir.path() + "/empty") << "\n";

  const auto password = read_password_file(path);
  REQUIRE(password.ok());
  CHECK(*password == "secret");
  CHECK_FALSE(read_password_file(dir.path() + "/empty").ok());
  const auto missing = read_password_file(dir.path() + "/none");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().message.find("/none") != std::string::npos);
}

}  // namespace
}  // namespace flow::store
