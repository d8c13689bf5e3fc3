#include "dbs/runtime/postgres/libpq_connection.hpp"

#include "dbs/runtime/postgres/internal/connect_keywords.hpp"
#include "dbs/runtime/postgres/internal/session.hpp"

namespace dbs::postgres {

namespace {

class libpq_connection final : public connection {
public:
  libpq_connection(connection_environment& env, const database_settings& settings,
                   connection_observer& observer)
      : session_(std::make_shared<internal::session>(env, settings, observer, *this)) {}

  ~libpq_connection() override { session_->close(); }

  void connect() override { session_->connect(); }

  void execute(const pg_statement& statement) override { session_->execute(statement); }

  void execute_batch(std::span<const pg_statement> statements) override {
    session_->execute_batch(statements);
  }

  void share(const pg_statement& statement) override { session_->share(statement); }

  bool congested() const override { return session_->congested(); }

  void command(std::string_view sql) override { session_->command(sql); }

  void start_transfer(pg_transfer_action kind, const pg_statement& statement,
                      pg_chunk_size chunks) override {
    session_->start_transfer(kind, statement, chunks);
  }

  void next_chunk() override { session_->next_chunk(); }

  void write_copy(std::string_view data) override { session_->write_copy(data); }

  void finish_copy() override { session_->finish_copy(); }

  void discard() override { session_->discard(); }

  void cancel() override { session_->cancel(); }

  transaction_status status() const override { return session_->status(); }

  bool dirty() const override { return session_->dirty(); }

  void mark_clean() override { session_->mark_clean(); }

  void forget_statements() override { session_->forget_statements(); }

  int backend_pid() const override { return session_->backend_pid(); }

  std::string endpoint() const override { return session_->endpoint(); }

private:
  std::shared_ptr<internal::session> session_;
};

} // namespace

connection_ptr make_libpq_connection(connection_environment& env, const database_settings& settings,
                                     connection_observer& observer) {
  return std::make_unique<libpq_connection>(env, settings, observer);
}

void look_up_process_defaults() {
  internal::look_up_process_defaults();
}

} // namespace dbs::postgres
