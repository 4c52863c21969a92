// Replies as text for stdout: a document a line, an object a request, or a table. Pure.
#pragma once

#include <string>

#include "base/value.h"
#include "flow/client.h"

namespace flow::flowctl {

enum class ReplyFormat { kLines, kArray, kTable };

class ReplyPrinter {
 public:
  // `parameters` are what the requests carry. `width` cuts table lines; 0: never.
  ReplyPrinter(ReplyFormat format, bool show_header, ValueMap parameters, std::size_t width);

  // Before the first, for each, after the last reply.
  std::string begin() const;
  std::string print(const Reply& reply);
  std::string end() const;

  // Whether the text says by itself that a request failed.
  bool shows_failures() const { return format_ != ReplyFormat::kLines ? true : show_header_; }

 private:
  void append_object(std::string& out, const Reply& reply) const;
  void append_header(std::string& out, const wire::Response& response) const;
  std::string table(const Reply& reply) const;

  ReplyFormat format_;
  bool show_header_;
  ValueMap parameters_;
  std::size_t width_;
  bool first_ = true;
};

// One line for stderr: the shards that are not in an answer (allow_partial).
std::string missing_line(const Reply& reply);

// One line for stderr: code, message, and the executor and instance to blame.
std::string failure_line(const Reply& reply);

}  // namespace flow::flowctl
