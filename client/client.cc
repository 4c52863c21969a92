#include "flow/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "client/session.h"
#include "wire/value_codec.h"

namespace flow {

using client::failed_reply;
using client::Session;
using client::Submission;

struct Client::State {
  State(const std::string& address, ClientOptions options) : session(address, std::move(options)) {}

  // Why a request of this size must not be sent.
  Status check(const Submission& submission) const {
    const wire::Request& request = submission.request;
    const std::size_t parameters = request.parameters.size();
    if (parameters > wire::kMaxParameters) {
      return Error{Errc::kTooLarge, fmt::format("the parameters have {} bytes, at most {} are "
                                                "allowed",
                                                parameters, wire::kMaxParameters)};
    }
    const std::size_t size = request.payload.size() + parameters;
    const std::uint64_t most = session.max_request_bytes();
    if (most > 0 && size > most) {
      return Error{Errc::kTooLarge,
                   fmt::format("the request has {} bytes, flow '{}' allows {} (max_request)", size,
                               session.welcome().flow, most)};
    }
    return {};
  }

  // Fills in the deadline and checks the sizes.
  Status complete(Submission& submission, Duration timeout, Instant now) const {
    if (timeout <= Duration::zero()) timeout = session.deadline();
    if (timeout > Duration::zero()) submission.deadline = now + timeout;
    return check(submission);
  }

  // Hands in without waiting; a refusal is delivered here and now.
  void submit(Submission&& submission, Duration timeout) {
    const Instant now = session.now();
    if (Status fits = complete(submission, timeout, now); !fits) {
      submission.on_reply(failed_reply(fits.error().code, fits.error().message));
    } else if (!session.gate().try_enter()) {
      submission.on_reply(failed_reply(
          Errc::kOverloaded,
          fmt::format("{} requests of this client are in flight, the most it may have; wait for "
                      "replies",
                      session.gate().limit())));
    } else {
      session.submit(std::move(submission), now);
    }
  }

  // Hands in, waiting for room until the deadline.
  void submit_patiently(Submission&& submission, Duration timeout) {
    const Instant now = session.now();
    if (Status fits = complete(submission, timeout, now); !fits) {
      submission.on_reply(failed_reply(fits.error().code, fits.error().message));
    } else if (session.gate().enter(span_between(now, submission.deadline))) {
      session.submit(std::move(submission), now);
    } else {
      submission.on_reply(failed_reply(
          Errc::kDeadlineExceeded,
          fmt::format("none of the {} requests in flight ended within the request's time; it was "
                      "not sent",
                      session.gate().limit())));
    }
  }

  Session session;
};

namespace {

// A reply on its way from the client's thread to the one that waits for it.
class ReplySlot {
 public:
  void put(Reply reply) {
    const std::scoped_lock lock(mutex_);
    reply_ = std::move(reply);
    arrived_.notify_one();
  }
  Reply take() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return reply_.has_value(); });
    return std::move(*reply_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::optional<Reply> reply_;
};

Result<Submission> make_submission(std::string_view endpoint, const wire::DocumentList& documents,
                                   const PostOptions& options) {
  if (documents.size() > wire::kMaxDocuments) {
    return Error{Errc::kTooLarge, fmt::format("the request has {} documents, at most {} are "
                                              "allowed",
                                              documents.size(), wire::kMaxDocuments)};
  }
  Submission submission;
  submission.request.endpoint = endpoint;
  submission.request.target_executor = options.target_executor;
  submission.request.parameters = wire::encode_value(options.parameters);
  if (!documents.empty()) submission.request.payload = documents.encode();
  return submission;
}

// The replies of post_all, from the client's thread to the caller's.
class Arrivals {
 public:
  using Arrival = std::pair<std::uint64_t, Reply>;

  void put(std::uint64_t index, Reply reply) {
    const std::scoped_lock lock(mutex_);
    arrived_.emplace_back(index, std::move(reply));
    some_.notify_one();
  }
  std::vector<Arrival> take(bool wait) {
    std::unique_lock lock(mutex_);
    if (wait) some_.wait(lock, [this] { return !arrived_.empty(); });
    return std::exchange(arrived_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable some_;
  std::vector<Arrival> arrived_;
};

// Hands replies on, in the order of their requests when `ordered`.
class ReplyOrder {
 public:
  ReplyOrder(bool ordered, const Client::OnReply& on_reply)
      : ordered_(ordered), on_reply_(on_reply) {}

  void take(std::vector<Arrivals::Arrival> arrivals) {
    for (auto& [index, reply] : arrivals) {
      ++arrived_;
      client::open_reply(reply);
      if (ordered_) {
        early_.emplace(index, std::move(reply));
      } else {
        ++emitted_;
        on_reply_(std::move(reply));
      }
    }
    for (auto it = early_.find(emitted_); it != early_.end(); it = early_.find(emitted_)) {
      Reply reply = std::move(it->second);
      early_.erase(it);
      ++emitted_;
      on_reply_(std::move(reply));
    }
  }
  std::uint64_t arrived() const { return arrived_; }
  std::uint64_t emitted() const { return emitted_; }

 private:
  bool ordered_;
  const Client::OnReply& on_reply_;
  std::map<std::uint64_t, Reply> early_;
  std::uint64_t arrived_ = 0;
  std::uint64_t emitted_ = 0;
};

// Up to `count` documents.
wire::DocumentList read_batch(const std::function<std::optional<wire::Document>()>& next,
                              std::size_t count) {
  wire::DocumentList batch;
  while (batch.size() < count) {
    std::optional<wire::Document> document = next();
    if (!document) break;
    batch.push_back(std::move(*document));
  }
  return batch;
}

}  // namespace

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& address, ClientOptions options) {
  auto state = std::make_unique<State>(address, std::move(options));
  if (Status opened = state->session.open(); !opened) return std::move(opened).error();
  return Client(std::move(state));
}

wire::ClientWelcome Client::welcome() const {
  return state_->session.welcome();
}

Reply Client::post(std::string_view endpoint, wire::DocumentList documents,
                   const PostOptions& options) {
  if (state_->session.on_own_thread()) {
    return failed_reply(Errc::kInvalidArgument,
                        "post() inside on_reply would wait for itself; use submit()");
  }
  Result<Submission> submission = make_submission(endpoint, documents, options);
  if (!submission) return failed_reply(submission.error().code, submission.error().message);
  ReplySlot slot;
  submission->open_documents = false;  // on this thread instead
  submission->on_reply = [&slot](Reply reply) { slot.put(std::move(reply)); };
  state_->submit_patiently(std::move(*submission), options.timeout);
  Reply reply = slot.take();
  client::open_reply(reply);
  return reply;
}

void Client::submit(std::string_view endpoint, const wire::DocumentList& documents,
                    const PostOptions& options, OnReply on_reply) {
  Result<Submission> submission = make_submission(endpoint, documents, options);
  if (!submission) {
    on_reply(failed_reply(submission.error().code, submission.error().message));
    return;
  }
  submission->on_reply = std::move(on_reply);
  state_->submit(std::move(*submission), options.timeout);
}

void Client::submit_raw(std::string_view endpoint, Bytes payload, Bytes parameters,
                        Duration timeout, OnReply on_reply) {
  state_->submit(Submission{.request = {.endpoint = std::string(endpoint),
                                        .target_executor = {},
                                        .parameters = std::move(parameters),
                                        .payload = std::move(payload)},
                            .on_reply = std::move(on_reply),
                            .open_documents = false},
                 timeout);
}

void Client::post_all(std::string_view endpoint,
                      const std::function<std::optional<wire::Document>()>& next,
                      const PostOptions& options, const OnReply& on_reply) {
  // How many replies may wait for an earlier one.
  constexpr std::size_t kAhead = 4;
  const std::size_t concurrency = std::max<std::size_t>(options.concurrency, 1);
  const std::size_t batch_size =
      std::clamp<std::size_t>(options.request_size, 1, wire::kMaxDocuments);
  Arrivals arrivals;
  ReplyOrder order(options.ordered, on_reply);
  std::uint64_t sent = 0;
  bool more = true;
  while (more || order.emitted() < sent) {
    const bool room =
        sent - order.arrived() < concurrency && sent - order.emitted() < concurrency * kAhead;
    if (!more || !room) {
      order.take(arrivals.take(/*wait=*/true));
      continue;
    }
    const wire::DocumentList batch = read_batch(next, batch_size);
    more = batch.size() == batch_size;
    if (!batch.empty()) {
      Result<Submission> submission = make_submission(endpoint, batch, options);
      FLOW_CHECK(submission.ok(), "a batch has at most kMaxDocuments");
      submission->open_documents = false;
      submission->on_reply = [&arrivals, index = sent++](Reply reply) {
        arrivals.put(index, std::move(reply));
      };
      state_->submit_patiently(std::move(*submission), options.timeout);
    }
    order.take(arrivals.take(/*wait=*/false));
  }
}

}  // namespace flow
