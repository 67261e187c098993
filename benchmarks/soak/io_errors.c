/* Preloaded into a victim: reads, writes and syncs of its index and its log fail with EIO.

   SOAK_CONTROL names a file whose first byte is how many of 256 calls fail. Memory-mapped files are
   not read by calls, and do not fail. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static volatile unsigned char *share;

__attribute__((constructor)) static void begin(void) {
  const char *control = getenv("SOAK_CONTROL");
  int file = control ? open(control, O_RDONLY) : -1;
  if (file < 0) return;
  void *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) share = page;
  close(file);
}

static int fails(int descriptor) {
  static __thread unsigned seed;
  char link[64], path[4096];
  if (!share || !*share) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  if (!strstr(path, "/index.memguard/") && !strstr(path, "/log/")) return 0;
  if (!seed) seed = (unsigned)(size_t)&seed;
  if (rand_r(&seed) % 256 >= *share) return 0;
  errno = EIO;
  return 1;
}

#define FAILING(type, name, parameters, arguments, descriptor)                \
  type name parameters {                                                      \
    static type(*real) parameters;                                            \
    if (fails(descriptor)) return -1;                                         \
    if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);            \
    return real arguments;                                                    \
  }

FAILING(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size), fd)
FAILING(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), fd)
FAILING(ssize_t, pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at), fd)
FAILING(ssize_t, pread64, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at), fd)
FAILING(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), fd)
FAILING(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), fd)
FAILING(int, fsync, (int fd), (fd), fd)
FAILING(int, fdatasync, (int fd), (fd), fd)
