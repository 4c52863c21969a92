#include "executors/record/record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/json.h"
#include "wire/document_json.h"

namespace flow::executors {
namespace {

std::string line_of(const Documents& documents, const Request& request, std::string_view instance) {
  std::string line = "{\"endpoint\":";
  append_json_string(line, request.endpoint());
  line += ",\"parameters\":";
  append_json(line, Value(request.parameters()));
  line += ",\"docs\":[";
  bool first = true;
  for (const Document& document : documents) {
    if (!first) line += ',';
    first = false;
    wire::append_document_json(line, document);
  }
  line += "],\"instance\":";
  append_json_string(line, instance);
  line += "}\n";
  return line;
}

}  // namespace

Record::Record(const ExecutorConfig& config) : instance_(config.instance) {
  on_default(&Record::record);
  const std::string file = config.get("file", "record.jsonl");
  if (file.empty()) throw ConfigError("with.file is empty, expected the name of a file");
  path_ = file.front() == '/' ? file : config.make_workspace() + "/" + file;
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd_ < 0) {
    throw ConfigError(fmt::format("with.file: cannot open {}: {}", path_, std::strerror(errno)));
  }
}

Record::~Record() {
  if (fd_ >= 0) ::close(fd_);
}

void Record::record(Documents& documents, const Request& request) {
  const std::string line = line_of(documents, request, instance_);
  const ssize_t written = ::write(fd_, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return;
  throw std::runtime_error(fmt::format("cannot write to {}: {}", path_,
                                       written < 0 ? std::strerror(errno) : "no space left"));
}

}  // namespace flow::executors
