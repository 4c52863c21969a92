// What the indexes keep when their process is killed or their files are damaged.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <thread>

#include "executors/text-index/text_index.h"
#include "executors/vector-index/vector_index.h"
#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

constexpr int kPerRequest = 3;

Document numbered(int request, int position) {
  Document document = vector_document(fmt::format("{}-{}", request, position),
                                      {static_cast<float>(request), static_cast<float>(position)});
  document.set_text(fmt::format("common r{} p{}", request, position));
  return document;
}

template <typename Index>
void index_request(Index& index, int request) {
  Documents documents;
  for (int i = 0; i < kPerRequest; ++i)
    documents.push_back(numbered(request, i));
  run(index, "/index", documents, {}, {{1000 + static_cast<std::uint64_t>(request), 1}});
}

template <typename Index>
std::vector<std::string> stored_ids(Index& index) {
  Document query = numbered(1, 1);
  query.set_text("common");
  auto ids = match_ids(run(index, "/search", list_of({query}), {{"top", 10'000}})[0]);
  std::sort(ids.begin(), ids.end());
  return ids;
}

// A child that does step after step with an index and says on a pipe which ones it has done.
template <typename Index>
struct Child {
  template <typename Step>
  Child(const ExecutorConfig& config, int steps, const Step& step) {
    REQUIRE(pipe(ends) == 0);
    pid = fork();
    if (pid != 0) {
      close(ends[1]);
      return;
    }
    Index index(config);
    for (int n = 0; n < steps; ++n) {
      step(index, n);
      if (write(ends[1], &n, sizeof n) < 0) _exit(1);
    }
    _exit(0);
  }

  // Indexes request after request.
  explicit Child(const ExecutorConfig& config)
      : Child(config, 3000, [](Index& index, int request) { index_request(index, request); }) {}

  ~Child() { close(ends[0]); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Waits until that many requests were answered, kills, and returns how many were in the end.
  int kill_after(int answered) {
    int count = 0;
    int request = 0;
    while (count < answered && read(ends[0], &request, sizeof request) == sizeof request)
      ++count;
    kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    while (read(ends[0], &request, sizeof request) == sizeof request)
      ++count;
    return count;
  }

  int ends[2] = {-1, -1};
  pid_t pid = -1;
};

TEST_CASE_TEMPLATE("a killed index keeps every answered request and whole requests only", Index,
                   VectorIndex, TextIndex) {
  const TempFolder folder;
  const ExecutorConfig config = config_in(folder);
  int answered = 0;
  for (const int next : {1, 40, 7}) {
    Child<Index> child(config);
    answered = std::max(answered, child.kill_after(next));

    Index index(config);
    const auto ids = stored_ids(index);
    const auto requests = static_cast<int>(ids.size()) / kPerRequest;
    CHECK(static_cast<int>(ids.size()) == requests * kPerRequest);
    CHECK(requests >= answered);
    CHECK(requests <= answered + 1);
    std::vector<std::string> expected;
    for (int request = 0; request < requests; ++request) {
      for (int i = 0; i < kPerRequest; ++i)
        expected.push_back(fmt::format("{}-{}", request, i));
    }
    std::sort(expected.begin(), expected.end());
    CHECK(ids == expected);
    answered = requests;
  }
}

TEST_CASE_TEMPLATE("a replica killed while it copies keeps whole pieces and can copy again", Index,
                   VectorIndex, TextIndex) {
  const TempFolder folder;
  const TempFolder other_folder;
  const ExecutorConfig config = config_in(folder);
  Index sibling(config_in(other_folder));
  for (int request = 0; request < 60; ++request)
    index_request(sibling, request);
  run(sibling, "/delete", list_of({numbered(0, 0), numbered(70, 0)}), {}, {{5000, 1}});
  std::vector<SnapshotPiece> pieces;
  for (std::string cursor; pieces.empty() || !pieces.back().last; cursor = pieces.back().cursor)
    pieces.push_back(*sibling.replicated()->next_piece(cursor, 1000));
  REQUIRE(pieces.size() > 10);
  const auto merge = [&pieces](Index& index, int step) {
    const auto which = static_cast<std::size_t>(step);
    if (!index.replicated()->merge(pieces[which].bytes)) _exit(1);
  };
  std::vector<std::size_t> held = {0};
  {
    const TempFolder dry_folder;
    Index dry(config_in(dry_folder));
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      merge(dry, static_cast<int>(i));
      held.push_back(dry.replicated()->held().entries);
    }
  }
  for (const int next : {2, 7}) {
    Child<Index> child(config, static_cast<int>(pieces.size()), merge);
    const auto merged = static_cast<std::size_t>(child.kill_after(next));
    Index index(config);
    const std::uint64_t entries = index.replicated()->held().entries;
    CHECK(std::ranges::find(held, entries) != held.end());
    CHECK(entries >= held[merged]);
  }
  Index index(config);
  for (std::size_t i = 0; i < pieces.size(); ++i)
    merge(index, static_cast<int>(i));
  CHECK(index.replicated()->held() == sibling.replicated()->held());
  CHECK(stored_ids(index) == stored_ids(sibling));
}

// The limit on the size of files, as long as it lives: the next write beyond it fails.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uint64_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST_CASE("a merge that fails half way leaves nothing behind") {
  const TempFolder folder;
  const TempFolder other_folder;
  TextIndex sibling(config_in(other_folder));
  TextIndex index(config_in(folder));
  index_request(sibling, 1);
  const auto piece = sibling.replicated()->next_piece("", 100'000);
  REQUIRE(piece.ok());
  const std::string log = folder.path() + "/work/documents.log";
  const Held before = index.replicated()->held();
  {
    const FileSizeLimit full(std::filesystem::file_size(log) + 50);
    CHECK_FALSE(index.replicated()->merge(piece->bytes).ok());
  }
  CHECK(index.replicated()->held() == before);
  CHECK(index.replicated()->merge(piece->bytes).ok());
  CHECK(index.replicated()->held() == sibling.replicated()->held());
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// The log of an index with so many requests in it, and where each begins.
struct Log {
  explicit Log(int requests) {
    VectorIndex index(config_in(folder, {{"fsync", "none"}}));
    for (int request = 0; request < requests; ++request) {
      starts.push_back(std::filesystem::file_size(path()));
      index_request(index, request);
    }
    index.close();
    bytes = read_file(path());
  }
  std::string path() const { return folder.path() + "/work/documents.log"; }
  std::size_t count_after(std::string_view changed) {
    write_file(path(), changed);
    VectorIndex index(config_in(folder, {{"fsync", "none"}}));
    return stored_ids(index).size();
  }

  TempFolder folder;
  std::vector<std::size_t> starts;
  std::string bytes;
};

TEST_CASE("a log cut off at any byte of its last request opens without it") {
  Log log(3);
  for (std::size_t size = log.starts[2]; size < log.bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(log.count_after(log.bytes.substr(0, size)) == 2 * kPerRequest);
    CHECK(std::filesystem::file_size(log.path()) == log.starts[2]);
  }
  CHECK(log.count_after(log.bytes) == 3 * kPerRequest);
}

TEST_CASE("a log cut off goes on where it was cut") {
  Log log(3);
  write_file(log.path(), log.bytes.substr(0, log.bytes.size() - 1));
  {
    VectorIndex index(config_in(log.folder));
    index_request(index, 8);
  }
  VectorIndex index(config_in(log.folder));
  CHECK(stored_ids(index).size() == 3 * kPerRequest);
}

TEST_CASE("a log damaged in the middle is refused and left alone") {
  Log log(3);
  { VectorIndex synced(config_in(log.folder, {{"fsync", "always"}})); }
  std::string damaged = read_file(log.path());
  damaged[log.starts[1] + 40] ^= 1;
  write_file(log.path(), damaged);

  CHECK_THROWS_WITH_AS(
      VectorIndex(config_in(log.folder)),
      doctest::Contains(
          fmt::format("{} is corrupt: the record at byte {}", log.path(), log.starts[1]).c_str()),
      ConfigError);
  CHECK(read_file(log.path()) == damaged);
}

TEST_CASE("a write that fails half way leaves nothing behind and searches go on") {
  const TempFolder folder;
  const ExecutorConfig config = config_in(folder);
  const std::string log = folder.path() + "/work/documents.log";
  {
    TextIndex index(config);
    index_request(index, 0);
    const std::uint64_t size = std::filesystem::file_size(log);
    {
      const FileSizeLimit full(size + 50);
      CHECK_THROWS_WITH_AS(index_request(index, 1), doctest::Contains("cannot write to"),
                           std::runtime_error);
    }
    CHECK(std::filesystem::file_size(log) == size);
    CHECK(stored_ids(index).size() == kPerRequest);
    index_request(index, 2);
    CHECK(stored_ids(index).size() == 2 * kPerRequest);
  }
  TextIndex index(config);
  CHECK(stored_ids(index).size() == 2 * kPerRequest);
}

TEST_CASE("with an interval what was written is synced without another write") {
  const TempFolder folder;
  const std::string path = folder.path() + "/x.log";
  const auto none = [](std::span<const std::byte>) { return Status(); };
  auto log = LogFile::open(path, "test", SyncPolicy::kInterval, none);
  REQUIRE(log.ok());
  REQUIRE((*log)->append(std::vector<std::byte>(100)).ok());

  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::uint64_t synced = 0;
  while (synced < (*log)->size() && std::chrono::steady_clock::now() < give_up) {
    const std::string bytes = read_file(path);
    std::memcpy(&synced, bytes.data() + kLogSyncedOffset, sizeof synced);
    std::this_thread::yield();
  }
  CHECK(synced == (*log)->size());
}

TEST_CASE("all sync policies keep what was stored") {
  for (const char* policy : {"none", "interval", "always"}) {
    CAPTURE(policy);
    const TempFolder folder;
    const ExecutorConfig config = config_in(folder, {{"fsync", policy}});
    {
      TextIndex index(config);
      for (int request = 0; request < 5; ++request)
        index_request(index, request);
      index.close();
    }
    TextIndex index(config);
    CHECK(stored_ids(index).size() == 5 * kPerRequest);
  }
}

}  // namespace
}  // namespace flow::executors::testing
