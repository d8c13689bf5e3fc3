// A mutex that many read and few write, where those who write are not kept waiting.
#pragma once

#include <pthread.h>

namespace dbs {

/// `std::shared_mutex`, but a writer comes before the readers that arrive after it.
/// glibc lets readers pass: with eight threads that read all the time, a writer there
/// waits for seconds. Costs readers the same. For `std::shared_lock` and
/// `std::unique_lock`; a thread must not lock it twice, not even for reading.
class writer_first_mutex {
public:
  writer_first_mutex() noexcept {
    pthread_rwlockattr_t how;
    pthread_rwlockattr_init(&how);
    pthread_rwlockattr_setkind_np(&how, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&lock_, &how);
    pthread_rwlockattr_destroy(&how);
  }

  ~writer_first_mutex() { pthread_rwlock_destroy(&lock_); }

  writer_first_mutex(const writer_first_mutex&) = delete;
  writer_first_mutex& operator=(const writer_first_mutex&) = delete;

  void lock() noexcept { pthread_rwlock_wrlock(&lock_); }
  void unlock() noexcept { pthread_rwlock_unlock(&lock_); }
  void lock_shared() noexcept { pthread_rwlock_rdlock(&lock_); }
  void unlock_shared() noexcept { pthread_rwlock_unlock(&lock_); }

private:
  pthread_rwlock_t lock_;
};

} // namespace dbs
