#include "load.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace flow::testing {

Load::Load(Client client, LoadOptions options)
    : options_(std::move(options)), client_(std::make_unique<Client>(std::move(client))) {
  for (std::uint32_t i = 0; i < options_.in_flight; ++i)
    send();
}

Load::~Load() {
  stopping_ = true;
  client_.reset();
}

void Load::send() {
  const std::uint64_t number = next_++;
  const Instant sent_at = now();
  PostOptions post;
  post.timeout = options_.timeout;
  const std::string id = fmt::format("r{}", number);
  client_->submit(options_.endpoint, one_document(id, "t"), post,
                  [this, number, sent_at](const Reply& reply) { take(number, sent_at, reply); });
}

void Load::take(std::uint64_t number, Instant sent_at, const Reply& reply) {
  const std::string id = fmt::format("r{}", number);
  if (reply.ok() && (reply.documents.empty() || reply.documents[0].id() != id)) ++wrong_;
  const std::uint64_t attempts = reply.response.attempts;
  if (attempts > most_attempts_) most_attempts_ = attempts;
  {
    const std::lock_guard lock(mutex_);
    ++codes_[reply.code()];
    slowest_ = std::max(slowest_, now() - sent_at);
    if (!reply.ok() && first_failure_.empty()) first_failure_ = reply.response.failure->message;
  }
  if (!stopping_) send();
  ++answered_;
}

bool Load::answer(std::uint64_t more, Duration patience) const {
  const std::uint64_t goal = answered_ + more;
  return eventually([this, goal] { return answered_ >= goal; }, patience);
}

bool Load::stop(Duration patience) {
  send_no_more();
  return eventually([this] { return answered_ == next_; }, patience);
}

std::uint64_t Load::count(Errc code) const {
  const std::lock_guard lock(mutex_);
  const auto found = codes_.find(code);
  return found != codes_.end() ? found->second : 0;
}

std::string Load::summary() const {
  const std::lock_guard lock(mutex_);
  std::string text = fmt::format("{} sent, {} answered:", next_.load(), answered_.load());
  for (const auto& [code, number] : codes_)
    text += fmt::format(" {} {}", number, to_string(code));
  return first_failure_.empty() ? text : text + "; " + first_failure_;
}

}  // namespace flow::testing
