// Runs recorded cases and says of each whether it passed; ../run_oracle starts it.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "base/text.h"
#include "run_case.h"

namespace flow::conformance {
namespace {

namespace fs = std::filesystem;

constexpr int kLookMs = 20;  // how often for results and signals

struct Entry {
  std::string name;
  Result<Case> expected = Error{};
  std::optional<std::string> wrong;  // set when it was run; empty: passed
};

struct Options {
  std::string file;
  std::string programs;
  std::string scripted;
  std::string only;
  std::size_t jobs = 3;
};

Result<Options> parse_arguments(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    std::string* text = argument == "--programs"   ? &options.programs
                        : argument == "--scripted" ? &options.scripted
                        : argument == "--only"     ? &options.only
                                                   : nullptr;
    const bool takes_value = text != nullptr || argument == "--jobs";
    if (takes_value && i + 1 == arguments.size()) {
      return Error{Errc::kInvalidArgument, argument + " needs a value"};
    }
    if (text != nullptr) {
      *text = arguments[++i];
    } else if (takes_value) {
      const int jobs = std::atoi(arguments[++i].c_str());
      if (jobs < 1 || jobs > 64) {
        return Error{Errc::kInvalidArgument, "--jobs must be from 1 to 64"};
      }
      options.jobs = static_cast<std::size_t>(jobs);
    } else if (argument.starts_with('-') || !options.file.empty()) {
      return Error{Errc::kInvalidArgument, fmt::format("'{}' is not expected", argument)};
    } else {
      options.file = argument;
    }
  }
  if (!options.file.empty()) return options;
  return Error{Errc::kInvalidArgument, "a file with cases is missing"};
}

Result<std::vector<Entry>> read_entries(const Options& options) {
  std::ifstream file(options.file, std::ios::binary);
  if (!file) return Error{Errc::kNotFound, fmt::format("cannot read {}", options.file)};
  std::vector<Entry> entries;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (trim(line).empty()) continue;
    const Result<Value> value = parse_json(line);
    Entry entry;
    entry.name = case_name(value ? *value : Value(), number);
    entry.expected = value ? parse_case(*value) : Result<Case>(value.error());
    if (entry.name.find(options.only) != std::string::npos) entries.push_back(std::move(entry));
  }
  if (file.bad()) return Error{Errc::kNotFound, fmt::format("cannot read {}", options.file)};
  return entries;
}

// All cases of a file: threads take the next one each, main prints them in order.
class Session {
 public:
  Session(std::vector<Entry> entries, Surroundings surroundings)
      : entries_(std::move(entries)), surroundings_(std::move(surroundings)) {
    surroundings_.stopped = &stopped_;
  }

  // The exit status.
  int run(std::size_t jobs, StopSignal& stop) {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < jobs; ++i)
      threads.emplace_back([this] { work(); });
    std::size_t passed = 0;
    for (std::size_t i = 0; i < entries_.size() && !stopped_.load(); ++i) {
      const std::optional<std::string> wrong = await(i, stop);
      if (!wrong) break;
      passed += wrong->empty() ? 1 : 0;
      fmt::print("{}: {}\n", entries_[i].name,
                 wrong->empty() ? "passed" : fmt::format("failed ({})", *wrong));
      std::fflush(stdout);
    }
    threads.clear();
    if (stopped_.load()) return 130;
    fmt::print("{} passed, {} failed\n", passed, entries_.size() - passed);
    return passed == entries_.size() ? 0 : 1;
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < entries_.size() && !stopped_.load(); i = next_++) {
      const Result<Case>& expected = entries_[i].expected;
      std::string wrong =
          expected ? run_case(*expected, surroundings_, i) : expected.error().message;
      std::ranges::replace(wrong, '\n', ' ');
      const std::lock_guard lock(mutex_);
      entries_[i].wrong = std::move(wrong);
    }
  }

  // The outcome of a case; nothing when a signal came first.
  std::optional<std::string> await(std::size_t index, const StopSignal& stop) {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        if (entries_[index].wrong) return entries_[index].wrong;
      }
      pollfd source{stop.fd(), POLLIN, 0};
      if (::poll(&source, 1, kLookMs) > 0) {
        stopped_ = true;
        return std::nullopt;
      }
    }
  }

  std::mutex mutex_;  // guards `wrong` of the entries
  std::vector<Entry> entries_;
  Surroundings surroundings_;
  std::atomic<bool> stopped_ = false;
  std::atomic<std::size_t> next_ = 0;
};

int run(const Options& options) {
  Result<std::vector<Entry>> entries = read_entries(options);
  if (!entries) {
    fmt::print(stderr, "run_oracle: {}\n", entries.error().message);
    return 2;
  }
  std::string folder = "/tmp/flow-oracle-XXXXXX";  // short: sockets are below it
  if (::mkdtemp(folder.data()) == nullptr) {
    fmt::print(stderr, "run_oracle: cannot make a folder below /tmp\n");
    return 2;
  }
  StopSignal stop;
  Surroundings surroundings;
  surroundings.programs = options.programs;
  surroundings.scripted = options.scripted;
  surroundings.folder = folder;
  const int code = Session(std::move(*entries), std::move(surroundings)).run(options.jobs, stop);
  std::error_code failed;
  fs::remove_all(folder, failed);
  return code;
}

}  // namespace
}  // namespace flow::conformance

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  flow::log::init("run_oracle");
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const flow::Result<flow::conformance::Options> options =
      flow::conformance::parse_arguments(arguments);
  if (options) return flow::conformance::run(*options);
  fmt::print(stderr, "run_oracle: {}\n", options.error().message);
  return 2;
}
