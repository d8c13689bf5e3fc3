// Signals for a process and everything it started, as PostgreSQL needs it: each of
// its backends leads a session of its own, so that no process group holds them all.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <vector>

namespace dbs::testing {

/// Whether the process exists and has not ended (a zombie has ended).
bool is_alive(pid_t pid);

/// Whether the process is stopped by SIGSTOP (or has ended).
bool is_stopped(pid_t pid);

/// The processes that `root` started, and those they started.
std::vector<pid_t> descendants(pid_t root);

/// Stops `root` and all its descendants with SIGSTOP; returns when every one of
/// them has stopped. Throws `std::runtime_error` when one does not within 10 s.
void stop_tree(pid_t root);

/// Continues the tree with SIGCONT, `root` last.
void continue_tree(pid_t root);

/// Kills `root` and all its descendants with SIGKILL; returns when the descendants
/// have ended. `root` is for its parent to wait for. Throws `std::runtime_error`
/// when one does not end within 10 s.
void kill_tree(pid_t root);

/// Kills the processes whose working directory is `path` or below it, as far as we
/// may see and signal them.
void kill_processes_in(const std::filesystem::path& path);

} // namespace dbs::testing
