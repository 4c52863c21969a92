#include "flowctl/document_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "wire/document_json.h"

namespace flow::flowctl {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

}  // namespace

DocumentReader::~DocumentReader() {
  if (fd_ > STDIN_FILENO) ::close(fd_);
}

DocumentReader::DocumentReader(DocumentReader&& other) noexcept {
  *this = std::move(other);
}

DocumentReader& DocumentReader::operator=(DocumentReader&& other) noexcept {
  std::swap(ready_, other.ready_);
  std::swap(name_, other.name_);
  std::swap(fd_, other.fd_);
  std::swap(stop_fd_, other.stop_fd_);
  std::swap(buffer_, other.buffer_);
  std::swap(begin_, other.begin_);
  std::swap(at_end_, other.at_end_);
  std::swap(trouble_, other.trouble_);
  std::swap(line_, other.line_);
  std::swap(bytes_read_, other.bytes_read_);
  std::swap(bytes_total_, other.bytes_total_);
  return *this;
}

DocumentReader DocumentReader::of_text(const std::string& text) {
  DocumentReader reader;
  wire::Document document;
  document.set_text(text);
  reader.ready_.push_back(std::move(document));
  return reader;
}

Result<DocumentReader> DocumentReader::of_json(const std::string& json) {
  Result<Value> value = parse_json(json);
  if (!value) return Error{Errc::kInvalidArgument, "--json: " + value.error().message};
  DocumentReader reader;
  ValueList one;
  ValueList* list = value->if_list();
  if (list == nullptr) {
    one.push_back(std::move(*value));
    list = &one;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    Result<wire::Document> document = wire::document_from_value((*list)[i]);
    if (!document) {
      return Error{Errc::kInvalidArgument,
                   fmt::format("--json: document {}: {}", i + 1, document.error().message)};
    }
    reader.ready_.push_back(std::move(*document));
  }
  return reader;
}

Result<DocumentReader> DocumentReader::of_lines(const std::string& path, int stop_fd) {
  DocumentReader reader;
  reader.name_ = path == "-" ? "stdin" : path;
  reader.stop_fd_ = stop_fd;
  reader.fd_ = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (reader.fd_ < 0 || ::fstat(reader.fd_, &info) != 0) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("cannot read {}: {}", reader.name_, std::strerror(errno))};
  }
  if (S_ISDIR(info.st_mode)) {
    return Error{Errc::kInvalidArgument, fmt::format("cannot read {}: it is a folder", path)};
  }
  if (S_ISREG(info.st_mode)) reader.bytes_total_ = static_cast<std::uint64_t>(info.st_size);
  return reader;
}

Result<std::optional<wire::Document>> DocumentReader::next() {
  if (!ready_.empty()) {
    wire::Document document = std::move(ready_.front());
    ready_.pop_front();
    return std::optional<wire::Document>(std::move(document));
  }
  for (;;) {
    Result<std::optional<std::string>> line = next_line();
    if (!line) return std::move(line).error();
    if (!*line) return std::optional<wire::Document>();
    if (trim(**line).empty()) continue;
    Result<wire::Document> document = wire::document_from_json(**line);
    if (document) return std::optional<wire::Document>(std::move(*document));
    return Error{Errc::kInvalidArgument,
                 fmt::format("{}:{}: {}", name_, line_, document.error().message)};
  }
}

Result<std::optional<std::string>> DocumentReader::next_line() {
  std::size_t searched = 0;
  for (;;) {
    const std::size_t end = buffer_.find('\n', begin_ + searched);
    if (end != std::string::npos || (at_end_ && begin_ < buffer_.size())) {
      const std::size_t stop = end == std::string::npos ? buffer_.size() : end;
      std::string line = buffer_.substr(begin_, stop - begin_);
      begin_ = end == std::string::npos ? stop : stop + 1;
      ++line_;
      return std::optional<std::string>(std::move(line));
    }
    searched = buffer_.size() - begin_;
    if (searched > kMaxLine) {
      return Error{Errc::kInvalidArgument, fmt::format("{}:{}: the line is longer than {} bytes",
                                                       name_, line_ + 1, kMaxLine)};
    }
    if (at_end_ || fd_ < 0) break;
    if (!fill()) at_end_ = true;
  }
  if (trouble_.empty()) return std::optional<std::string>();
  return Error{Errc::kInvalidArgument, fmt::format("{}:{}: {}", name_, line_ + 1, trouble_)};
}

// Reads a piece more; false at the end.
bool DocumentReader::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  if (stop_fd_ >= 0) {
    std::array<pollfd, 2> sources{{{fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    while (::poll(sources.data(), sources.size(), -1) < 0 && errno == EINTR) {
    }
    if (sources[1].revents != 0) return false;
  }
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kChunk);
  ssize_t got = 0;
  do {
    got = ::read(fd_, buffer_.data() + before, kChunk);
  } while (got < 0 && errno == EINTR);
  if (got < 0) trouble_ = fmt::format("cannot read on: {}", std::strerror(errno));
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  bytes_read_ += static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
  return got > 0;
}

}  // namespace flow::flowctl
