#include "graph/regex.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <utility>

namespace flow::graph {
namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

Regex::Regex(std::shared_ptr<const re2::RE2> expression) : expression_(std::move(expression)) {}

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kMaxBytes) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("it has {} bytes, at most {} are allowed", pattern.size(), kMaxBytes)};
  }
  RE2::Options options;
  options.set_log_errors(false);
  auto expression = std::make_shared<const RE2>(piece(pattern), options);
  if (!expression->ok()) return Error{Errc::kInvalidArgument, expression->error()};
  return Regex(std::move(expression));
}

bool Regex::found_in(std::string_view text) const {
  return expression_->Match(piece(text), 0, text.size(), RE2::UNANCHORED, nullptr, 0);
}

bool Regex::begins(std::string_view text) const {
  return expression_->Match(piece(text), 0, text.size(), RE2::ANCHOR_START, nullptr, 0);
}

}  // namespace flow::graph
