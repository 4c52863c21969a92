// An index log on disk: append records, read them back after a crash.
//
// What append() returned for survives the end of the process (kill -9 included) at once: it is in
// the page cache. What survives a power failure depends on the SyncPolicy. One thread owns a
// LogFile; with kInterval it has a thread of its own that only syncs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"
#include "base/time.h"
#include "executors/index_store/log_format.h"

namespace flow::executors {

enum class SyncPolicy {
  kNone,      // the kernel decides when; a power failure may lose the last half minute
  kInterval,  // fdatasync at most kSyncInterval after a write, and on close
  kAlways,    // fdatasync before append() returns
};
inline constexpr Duration kSyncInterval = std::chrono::milliseconds(200);

// An open file descriptor, closed with its owner.
class FileHandle {
 public:
  explicit FileHandle(int fd) : fd_(fd) {}
  ~FileHandle();
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

class LogFile {
 public:
  // Opens the log at `path`, creates it when missing, and visits every record in it. The rest of a
  // write that a crash cut off is removed, with a warning in the log of the process. Errors name
  // the path; see scan_log() for when a file is refused.
  static Result<std::unique_ptr<LogFile>> open(std::string path, std::string_view kind,
                                               SyncPolicy policy, const RecordVisitor& visit);

  // A new empty log in place of whatever was at `path`.
  static Result<std::unique_ptr<LogFile>> create(std::string path, std::string_view kind,
                                                 SyncPolicy policy);

  // Syncs unless the policy is kNone.
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Writes one record, whole or not at all: after a failed write (disk full) the file is cut back
  // to what it was. kTooLarge above kMaxRecordBody. Once a sync has failed every append fails, as
  // nobody knows any more what is on disk.
  Status append(std::span<const std::byte> body);

  // Syncs and renames the file to `path`. After an error it still has its old name.
  Status move_to(const std::string& path);

  // Waits until all that was appended is on disk, whatever the policy.
  Status sync();

  std::uint64_t size() const { return end_; }

 private:
  LogFile(std::string path, std::unique_ptr<FileHandle> file, std::uint64_t salt, std::uint64_t end,
          SyncPolicy policy);
  Status write_record(std::span<const std::byte> body);
  Status sync_to(std::uint64_t end);
  void sync_loop(const std::stop_token& stop);

  std::string path_;
  std::unique_ptr<FileHandle> file_;
  std::uint64_t salt_;
  std::uint64_t end_;
  SyncPolicy policy_;

  std::mutex sync_mutex_;  // one sync at a time; guards path_ against the syncer
  std::mutex mutex_;       // guards written_
  std::condition_variable_any wake_;
  std::uint64_t written_;
  std::atomic<std::uint64_t> synced_;
  std::atomic<bool> sync_failed_{false};
  std::jthread syncer_;  // last: ends first
};

}  // namespace flow::executors
