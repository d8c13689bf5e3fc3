#include "peers/hiredis.hpp"

#include "peers/kv.hpp"

#include <hiredis/adapters/poll.h>

#include <stdexcept>

namespace dbs::bench {

namespace {

struct reply_closer {
  void operator()(void* reply) const { freeReplyObject(reply); }
};

using reply = std::unique_ptr<redisReply, reply_closer>;

std::unique_ptr<redisContext, redis_closer> open(const std::string& host, uint16_t port) {
  std::unique_ptr<redisContext, redis_closer> result{redisConnect(host.c_str(), port)};
  if (!result || result->err != 0)
    throw std::runtime_error(std::string{"hiredis: "} + (result ? result->errstr : "no memory"));
  return result;
}

bool is_value(const redisReply* what) {
  return what != nullptr && what->type == REDIS_REPLY_STRING && what->len == 100;
}

} // namespace

void fill_redis(const std::string& host, uint16_t port) {
  auto context = open(host, port);
  for (auto key = 1; key <= kv_rows; ++key) {
    auto value = std::to_string(key);
    value.resize(100, 'x');
    redisAppendCommand(context.get(), "SET kv:%d %b", key, value.data(), value.size());
  }
  for (auto key = 1; key <= kv_rows; ++key) {
    void* found = nullptr;
    if (redisGetReply(context.get(), &found) != REDIS_OK)
      throw std::runtime_error(std::string{"hiredis: "} + context->errstr);
    reply guard{static_cast<redisReply*>(found)};
  }
}

// -- one after the other -----------------------------------------------------------

hiredis_sync::hiredis_sync(const std::string& host, uint16_t port) : context_(open(host, port)) {}

load_summary hiredis_sync::run(window how) {
  load_recorder recorder{how};
  for (auto began = load_recorder::clock::now(); recorder.open(began);) {
    reply got{static_cast<redisReply*>(
        redisCommand(context_.get(), "GET kv:%d", static_cast<int>(1 + keys_() % kv_rows)))};
    if (!is_value(got.get()))
      throw std::runtime_error("hiredis: a key has no value");
    auto now = load_recorder::clock::now();
    recorder.record(began, now);
    began = now;
  }
  return recorder.summarize();
}

// -- many at a time ----------------------------------------------------------------

hiredis_async::hiredis_async(const std::string& host, uint16_t port, int outstanding)
    : context_(redisAsyncConnect(host.c_str(), port)), outstanding_(outstanding) {
  if (!context_ || context_->err != 0)
    throw std::runtime_error("hiredis: no connection");
  context_->data = this;
  redisPollAttach(context_.get());
}

void hiredis_async::send(clock::time_point now) {
  sent_.push_back(now);
  auto on_reply = [](redisAsyncContext* context, void* got, void*) {
    static_cast<hiredis_async*>(context->data)->receive(static_cast<redisReply*>(got));
  };
  redisAsyncCommand(context_.get(), on_reply, nullptr, "GET kv:%d",
                    static_cast<int>(1 + keys_() % kv_rows));
}

void hiredis_async::receive(const redisReply* got) {
  auto began = sent_.front();
  sent_.pop_front();
  if (!is_value(got)) {
    failure_ = "hiredis: a key has no value";
    return;
  }
  auto now = clock::now();
  recorder_->record(began, now);
  if (recorder_->open(now))
    send(now);
}

load_summary hiredis_async::run(window how) {
  load_recorder recorder{how};
  recorder_ = &recorder;
  for (auto i = 0; i < outstanding_; ++i)
    send(clock::now());
  while (!sent_.empty() && failure_.empty())
    if (redisPollTick(context_.get(), 10) == 0)
      failure_ = "hiredis: no answer for ten seconds";
  if (!failure_.empty())
    throw std::runtime_error(failure_);
  return recorder.summarize();
}

} // namespace dbs::bench
