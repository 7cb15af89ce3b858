// launch DESCRIPTOR COMMAND [ARGUMENT ...]
//
// Runs a command and writes to the descriptor what it and the children it waited for used, as one line of JSON. A
// process of its own, and small: a child's ru_maxrss starts at the peak of the process that forked it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kNotStarted = 127 };

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int64_t to_ns(struct timeval t) {
  return (t.tv_sec * 1000000ll + t.tv_usec) * 1000;
}

static void report(int descriptor, int status, int64_t wall_ns, const struct rusage* usage) {
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  dprintf(descriptor, "{\"exit_code\": %d, \"wall_ns\": %lld, \"cpu_ns\": %lld, \"peak_rss\": %lld}\n", code,
          (long long)wall_ns, (long long)(to_ns(usage->ru_utime) + to_ns(usage->ru_stime)), usage->ru_maxrss * 1024ll);
}

static void become(char** command) {
  execvp(command[0], command);
  perror(command[0]);
  _exit(kNotStarted);
}

int main(int argc, char** argv) {
  if (argc < 3) return fputs("usage: launch DESCRIPTOR COMMAND [ARGUMENT ...]\n", stderr), 2;
  int descriptor = atoi(argv[1]);
  if (fcntl(descriptor, F_SETFD, FD_CLOEXEC)) return perror(argv[1]), 1;
  int64_t start = now_ns();
  pid_t child = fork();
  if (child < 0) return perror("fork"), 1;
  if (!child) become(argv + 2);
  int status;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) != child) return perror("wait4"), 1;
  report(descriptor, status, now_ns() - start, &usage);
  return 0;
}
