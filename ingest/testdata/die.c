// A library to be loaded before all others into a process that writes a
// database: it kills the process just before the write, sync, truncation or removal
// of one of the database's files that DIE_AT counts to, from 1, and writes a line
// for each to the file DIE_LOG: its name, what the file's name ends with, how many
// bytes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void step(const char *what, const char *path, size_t bytes)
{
	static long done;
	const char *at = getenv("DIE_AT"), *log = getenv("DIE_LOG");
	long n;

	if (strstr(path, ".duckdb") == NULL || strstr(path, ".tmp/") != NULL)
		return;
	n = __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
	if (log != NULL) {
		char line[512];
		int fd = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
		int len = snprintf(line, sizeof line, "%s %s %zu\n", what, strrchr(path, '.') + 1, bytes);
		if (fd < 0 || NEXT(write)(fd, line, len) != len)
			abort();
		close(fd);
	}
	if (at != NULL && atol(at) == n) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
}

static void step_of(const char *what, int fd, size_t bytes)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return;
	path[n] = 0;
	step(what, path, bytes);
}

ssize_t write(int fd, const void *p, size_t n) { step_of("write", fd, n); return NEXT(write)(fd, p, n); }
ssize_t pwrite(int fd, const void *p, size_t n, off_t at) { step_of("write", fd, n); return NEXT(pwrite)(fd, p, n, at); }
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) { step_of("write", fd, n); return NEXT(pwrite64)(fd, p, n, at); }
int fsync(int fd) { step_of("sync", fd, 0); return NEXT(fsync)(fd); }
int fdatasync(int fd) { step_of("sync", fd, 0); return NEXT(fdatasync)(fd); }
int ftruncate(int fd, off_t n) { step_of("truncate", fd, n); return NEXT(ftruncate)(fd, n); }
int ftruncate64(int fd, off64_t n) { step_of("truncate", fd, n); return NEXT(ftruncate64)(fd, n); }
int unlink(const char *path) { step("remove", path, 0); return NEXT(unlink)(path); }
int remove(const char *path) { step("remove", path, 0); return NEXT(remove)(path); }
int rename(const char *from, const char *to) { step("rename", from, 0); return NEXT(rename)(from, to); }
