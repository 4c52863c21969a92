#include "executors/index_store/log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "base/log.h"

namespace flow::executors {
namespace {

constexpr std::array<std::byte, 16> kPadding{};

Error io_error(std::string_view what, std::string_view path, int code) {
  return {Errc::kInternal, fmt::format("cannot {} {}: {}", what, path, std::strerror(code))};
}

Error refused(std::string_view path, Error error) {
  return {error.code, fmt::format("{} {}", path, error.message)};
}

std::uint64_t random_salt() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// A file mapped for reading while it lives.
class Mapping {
 public:
  Mapping(int fd, std::size_t size) : size_(size) {
    if (size > 0) address_ = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  }
  ~Mapping() {
    if (size_ > 0 && valid()) munmap(address_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bool valid() const { return address_ != MAP_FAILED; }  // NOLINT: the system's macro casts
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(address_), size_};
  }

 private:
  void* address_ = nullptr;
  std::size_t size_;
};

Status write_all(int fd, std::uint64_t offset, std::span<const std::byte> bytes,
                 const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return io_error("write to", path, count < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<std::unique_ptr<FileHandle>> open_file(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0640);
  if (fd < 0) return io_error("open", path, errno);
  return std::make_unique<FileHandle>(fd);
}

Status sync_folder_of(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error("open", folder, errno);
  const FileHandle handle(fd);
  if (fsync(fd) != 0) return io_error("sync", folder, errno);
  return {};
}

Result<LogScan> scan_file(const FileHandle& file, const std::string& path, std::string_view kind,
                          const RecordVisitor& visit) {
  struct stat status = {};
  if (fstat(file.fd(), &status) != 0) return io_error("read", path, errno);
  const Mapping mapping(file.fd(), static_cast<std::size_t>(status.st_size));
  if (!mapping.valid()) return io_error("map", path, errno);
  Result<LogScan> scan = scan_log(mapping.bytes(), kind, visit);
  if (!scan) return refused(path, std::move(scan).error());
  return scan;
}

Status start_log(const FileHandle& file, const std::string& path, std::string_view kind,
                 std::uint64_t salt) {
  if (ftruncate(file.fd(), 0) != 0) return io_error("truncate", path, errno);
  return write_all(file.fd(), 0, make_log_header(kind, salt), path);
}

}  // namespace

FileHandle::~FileHandle() {
  ::close(fd_);
}

Result<std::unique_ptr<LogFile>> LogFile::open(std::string path, std::string_view kind,
                                               SyncPolicy policy, const RecordVisitor& visit) {
  auto file = open_file(path, 0);
  if (!file) return std::move(file).error();
  auto scan = scan_file(**file, path, kind, visit);
  if (!scan) return std::move(scan).error();
  if (scan->dropped > 0) {
    log::warn("{} ended in the middle of a write: dropped its last {} bytes, kept {} records", path,
              scan->dropped, scan->records);
    if (ftruncate((*file)->fd(), static_cast<off_t>(scan->end)) != 0) {
      return io_error("truncate", path, errno);
    }
  }
  if (scan->end == 0) {
    scan->salt = random_salt();
    scan->end = kLogHeaderSize;
    if (Status status = start_log(**file, path, kind, scan->salt); !status) {
      return std::move(status).error();
    }
    if (policy != SyncPolicy::kNone) {
      if (Status status = sync_folder_of(path); !status) return std::move(status).error();
    }
  }
  return std::unique_ptr<LogFile>(
      new LogFile(std::move(path), *std::move(file), scan->salt, scan->end, policy));
}

Result<std::unique_ptr<LogFile>> LogFile::create(std::string path, std::string_view kind,
                                                 SyncPolicy policy) {
  auto file = open_file(path, O_TRUNC);
  if (!file) return std::move(file).error();
  const std::uint64_t salt = random_salt();
  if (Status status = start_log(**file, path, kind, salt); !status) {
    return std::move(status).error();
  }
  return std::unique_ptr<LogFile>(
      new LogFile(std::move(path), *std::move(file), salt, kLogHeaderSize, policy));
}

LogFile::LogFile(std::string path, std::unique_ptr<FileHandle> file, std::uint64_t salt,
                 std::uint64_t end, SyncPolicy policy)
    : path_(std::move(path)),
      file_(std::move(file)),
      salt_(salt),
      end_(end),
      policy_(policy),
      written_(end),
      synced_(0) {
  if (policy == SyncPolicy::kInterval) {
    syncer_ = std::jthread([this](const std::stop_token& stop) { sync_loop(stop); });
  }
}

LogFile::~LogFile() {
  syncer_ = {};
  if (policy_ == SyncPolicy::kNone) return;
  if (const Status status = sync(); !status) log::error("{}", status.error().message);
}

Status LogFile::append(std::span<const std::byte> body) {
  if (body.empty() || body.size() > kMaxRecordBody) {
    return Error{Errc::kTooLarge, fmt::format("a record of {} bytes is above the limit of {}",
                                              body.size(), kMaxRecordBody)};
  }
  if (sync_failed_) {
    return Error{Errc::kInternal,
                 fmt::format("{} takes no more writes: syncing it to disk failed before", path_)};
  }
  if (Status status = write_record(body); !status) {
    if (ftruncate(file_->fd(), static_cast<off_t>(end_)) != 0) sync_failed_ = true;
    return status;
  }
  end_ += record_size(body.size());
  if (policy_ == SyncPolicy::kAlways) return sync();
  if (policy_ == SyncPolicy::kInterval) {
    const std::lock_guard lock(mutex_);
    written_ = end_;
    wake_.notify_one();
  }
  return {};
}

Status LogFile::write_record(std::span<const std::byte> body) {
  const RecordHeader header = make_record_header(body, end_, salt_);
  std::uint64_t offset = end_;
  if (Status status = write_all(file_->fd(), offset, header, path_); !status) return status;
  offset += header.size();
  if (Status status = write_all(file_->fd(), offset, body, path_); !status) return status;
  offset += body.size();
  const std::size_t padding = record_size(body.size()) - header.size() - body.size();
  return write_all(file_->fd(), offset, std::span(kPadding).first(padding), path_);
}

Status LogFile::move_to(const std::string& path) {
  if (Status status = sync(); !status) return status;
  const std::lock_guard lock(sync_mutex_);
  if (rename(path_.c_str(), path.c_str()) != 0) return io_error("rename", path_, errno);
  path_ = path;
  if (const Status status = sync_folder_of(path); !status) log::warn("{}", status.error().message);
  return {};
}

Status LogFile::sync() {
  return sync_to(end_);
}

// The mark goes to disk with the next sync: it never claims more than there is.
Status LogFile::sync_to(std::uint64_t end) {
  const std::lock_guard lock(sync_mutex_);
  if (sync_failed_) return Error{Errc::kInternal, fmt::format("syncing {} failed before", path_)};
  if (synced_ >= end) return {};
  if (fdatasync(file_->fd()) != 0) {
    sync_failed_ = true;
    return io_error("sync", path_, errno);
  }
  synced_ = end;
  return write_all(file_->fd(), kLogSyncedOffset, make_synced_mark(end, salt_), path_);
}

void LogFile::sync_loop(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    wake_.wait(lock, stop, [this] { return written_ > synced_; });
    wake_.wait_for(lock, stop, kSyncInterval, [] { return false; });
    if (stop.stop_requested()) return;
    const std::uint64_t end = written_;
    lock.unlock();
    const Status status = sync_to(end);
    if (!status) log::error("{}", status.error().message);
    lock.lock();
    if (!status) return;
  }
}

}  // namespace flow::executors
