// Documents from the command line, a file or stdin, one at a time: the input is never in memory as
// a whole. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/result.h"
#include "wire/document.h"

namespace flow::flowctl {

inline constexpr std::size_t kMaxLine = 1U << 30;  // a document of 512 MiB in base64, and room

class DocumentReader {
 public:
  ~DocumentReader();
  DocumentReader(DocumentReader&& other) noexcept;
  DocumentReader& operator=(DocumentReader&& other) noexcept;

  static DocumentReader of_text(const std::string& text);

  // A document or a list of documents. kInvalidArgument says where it is wrong.
  static Result<DocumentReader> of_json(const std::string& json);

  // JSON lines; "-" is stdin. kInvalidArgument when the file cannot be read. Reading gives up
  // (as at the end) when `stop_fd` becomes readable; -1: never.
  static Result<DocumentReader> of_lines(const std::string& path, int stop_fd);

  // The next document; nothing at the end. kInvalidArgument: "FILE:LINE: what is wrong". Empty
  // lines are skipped.
  Result<std::optional<wire::Document>> next();

  // How much was read, and of how much (0: not a regular file).
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_total() const { return bytes_total_; }

 private:
  DocumentReader() = default;
  Result<std::optional<std::string>> next_line();
  bool fill();

  std::deque<wire::Document> ready_;
  std::string name_;
  int fd_ = -1;
  int stop_fd_ = -1;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is not used yet
  bool at_end_ = false;
  std::string trouble_;  // reading failed
  std::uint64_t line_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_total_ = 0;
};

}  // namespace flow::flowctl
