/*
 * Between a program and its files: preloaded, it writes down every call that changes a file below a folder, in the order
 * in which they took effect, and makes one of them fail when it is told to.
 *
 *   SHIM_ROOT    the folder; calls on other files pass unseen
 *   SHIM_TRACE   the file that the calls are written to, a record each (see tests/shim.rs, which reads it)
 *   SHIM_COUNT   a file that is given a letter for each call when the process ends by itself: w for one that changes a
 *                file, r for one that does not
 *   SHIM_AT      the call at which something happens, counted from 1
 *   SHIM_ACT     what: eio-before, eio-after, enospc-before, enospc-after, kill-before, kill-after
 *   SHIM_ON      set: the same happens at every later call that writes, too
 *   SHIM_BUDGET  so many bytes may be written; what goes beyond is cut off, and then ENOSPC
 *
 * `before` means that the call is not carried out, `after` that it is and the caller is told otherwise.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, SAID, UNKNOWN };
enum { NOTHING, FAIL_BEFORE, FAIL_AFTER };

struct record {
    uint32_t kind, path, other;
    uint64_t inode, offset, length;
} __attribute__((packed));

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int trace = -1;
static uint64_t calls, at;
static int act_kill, act_after, act_errno, on;
static int64_t budget = -1;
/* A letter for each call, as far as there is room. */
static char letters[1 << 20];

__attribute__((constructor)) static void begin(void) {
    const char *value = getenv("SHIM_ROOT");
    if (value && realpath(value, root))
        root_length = strlen(root);
    if ((value = getenv("SHIM_AT")))
        at = strtoull(value, NULL, 10);
    if ((value = getenv("SHIM_ACT"))) {
        act_kill = !strncmp(value, "kill", 4);
        act_errno = !strncmp(value, "eio", 3) ? EIO : ENOSPC;
        act_after = strstr(value, "after") != NULL;
    }
    on = getenv("SHIM_ON") != NULL;
    if ((value = getenv("SHIM_BUDGET")))
        budget = strtoll(value, NULL, 10);
    if ((value = getenv("SHIM_TRACE")))
        trace = (int)syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

__attribute__((destructor)) static void end(void) {
    const char *value = getenv("SHIM_COUNT");
    if (!value)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    syscall(SYS_write, fd, letters, calls < sizeof letters ? calls : sizeof letters);
    syscall(SYS_close, fd);
}

static int is_below(const char *path) {
    return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* The path of an open file, if it lies below the root. */
static int fd_below(int fd, char *path) {
    char link[64];
    int kept = errno;
    if (!root_length || fd < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlink, link, path, PATH_MAX - 1);
    errno = kept;
    if (length <= 0)
        return 0;
    path[length] = 0;
    return is_below(path);
}

/* The whole path of a name that a call was given, if it lies below the root. */
static int name_below(int dir, const char *name, char *path) {
    char above[PATH_MAX];
    int kept = errno;
    if (!root_length || !name)
        return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else if (dir == AT_FDCWD) {
        if (!getcwd(above, sizeof above))
            return 0;
        snprintf(path, PATH_MAX, "%.2000s/%.2000s", above, name);
    } else {
        if (!fd_below(dir, above))
            return errno = kept, 0;
        snprintf(path, PATH_MAX, "%.2000s/%.2000s", above, name);
    }
    errno = kept;
    return is_below(path);
}

static uint64_t inode_of(int fd) {
    struct stat about;
    return fstat(fd, &about) ? 0 : about.st_ino;
}

static void tell(uint32_t kind, const char *path, const char *other, uint64_t inode, uint64_t offset, const void *bytes,
                 uint64_t length, int has_bytes) {
    if (trace < 0)
        return;
    int kept = errno;
    path = path ? path : "";
    other = other ? other : "";
    struct record record = {kind, (uint32_t)strlen(path), (uint32_t)strlen(other), inode, offset, length};
    struct iovec parts[4] = {{&record, sizeof record},
                             {(void *)path, record.path},
                             {(void *)other, record.other},
                             {(void *)bytes, has_bytes ? length : 0}};
    syscall(SYS_writev, trace, parts, 4);
    errno = kept;
}

/* Counts a call and says what is to become of it. */
static int enter(int writes) {
    if (calls < sizeof letters)
        letters[calls] = writes ? 'w' : 'r';
    calls++;
    if (!at || (calls != at && !(on && writes && calls > at)))
        return NOTHING;
    if (act_kill && !act_after)
        kill(getpid(), SIGKILL);
    return act_after ? FAIL_AFTER : FAIL_BEFORE;
}

/* What the caller is told of a call that was carried out. */
static int leave(int fate) {
    if (fate != FAIL_AFTER)
        return 0;
    if (act_kill)
        kill(getpid(), SIGKILL);
    errno = act_errno;
    return -1;
}

#define LOCK pthread_mutex_lock(&one)
#define UNLOCK pthread_mutex_unlock(&one)
#define REFUSE_IF_BEFORE(fate)                                                                                          \
    if (fate == FAIL_BEFORE) {                                                                                         \
        UNLOCK;                                                                                                        \
        errno = act_errno;                                                                                             \
        return -1;                                                                                                     \
    }

static int open_at(int dir, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    struct stat about;
    if (!name_below(dir, name, path))
        return (int)syscall(SYS_openat, dir, name, flags, mode);
    LOCK;
    int fate = enter(flags & (O_CREAT | O_TRUNC));
    REFUSE_IF_BEFORE(fate);
    int creates = (flags & O_CREAT) && lstat(path, &about);
    if (creates && budget == 0) {
        UNLOCK;
        errno = ENOSPC;
        return -1;
    }
    int fd = (int)syscall(SYS_openat, dir, name, flags, mode);
    if (fd >= 0 && creates)
        tell(CREATE, path, NULL, inode_of(fd), 0, NULL, 0, 0);
    else if (fd >= 0 && (flags & O_TRUNC))
        tell(TRUNCATE, path, NULL, inode_of(fd), 0, NULL, 0, 0);
    if (fd >= 0 && leave(fate)) {
        syscall(SYS_close, fd);
        errno = act_errno;
        fd = -1;
    }
    UNLOCK;
    return fd;
}

static mode_t mode_of(int flags, va_list list) { return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0; }
#define OPEN(dir)                                                                                                      \
    va_list list;                                                                                                      \
    va_start(list, flags);                                                                                             \
    mode_t mode = mode_of(flags, list);                                                                                \
    va_end(list);                                                                                                      \
    return open_at(dir, name, flags, mode)
int open(const char *name, int flags, ...) { OPEN(AT_FDCWD); }
int open64(const char *name, int flags, ...) { OPEN(AT_FDCWD); }
int openat(int dir, const char *name, int flags, ...) { OPEN(dir); }
int openat64(int dir, const char *name, int flags, ...) { OPEN(dir); }
int creat(const char *name, mode_t mode) { return open_at(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* `offset` below 0: where the file stands. */
static ssize_t write_at(int fd, const void *bytes, size_t length, int64_t offset) {
    char path[PATH_MAX];
    if (fd == 1 || fd == 2) {
        LOCK;
        ssize_t said = syscall(SYS_write, fd, bytes, length);
        if (said > 0)
            tell(SAID, NULL, NULL, (uint64_t)fd, 0, bytes, (uint64_t)said, 1);
        UNLOCK;
        return said;
    }
    if (!fd_below(fd, path))
        return offset < 0 ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, offset);
    LOCK;
    int fate = enter(1);
    REFUSE_IF_BEFORE(fate);
    if (budget >= 0) {
        if (budget == 0 && length > 0) {
            UNLOCK;
            errno = ENOSPC;
            return -1;
        }
        length = (int64_t)length > budget ? (size_t)budget : length;
        budget -= (int64_t)length;
    }
    int64_t start = offset;
    if (offset < 0) {
        struct stat about;
        int appends = (int)syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND;
        start = appends && !fstat(fd, &about) ? about.st_size : lseek(fd, 0, SEEK_CUR);
    }
    ssize_t wrote = offset < 0 ? syscall(SYS_write, fd, bytes, length) : syscall(SYS_pwrite64, fd, bytes, length, offset);
    if (wrote > 0)
        tell(WRITE, path, NULL, inode_of(fd), (uint64_t)start, bytes, (uint64_t)wrote, 1);
    if (wrote >= 0 && leave(fate))
        wrote = -1;
    UNLOCK;
    return wrote;
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_at(fd, bytes, length, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_at(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return write_at(fd, bytes, length, offset); }

/* A call that nothing here does to these files: it is noticed, and the test fails. */
static void notice(int fd, const char *what) {
    char path[PATH_MAX];
    if (fd_below(fd, path))
        tell(UNKNOWN, path, what, 0, 0, NULL, 0, 0);
}

/* Part by part: a short answer is one that the caller must expect anyway. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (fd != 1 && fd != 2 && !fd_below(fd, path))
        return syscall(SYS_writev, fd, parts, count);
    for (int part = 0; part < count; part++)
        if (parts[part].iov_len)
            return write_at(fd, parts[part].iov_base, parts[part].iov_len, -1);
    return 0;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    for (int part = 0; part < count; part++)
        if (parts[part].iov_len)
            return write_at(fd, parts[part].iov_base, parts[part].iov_len, offset);
    return 0;
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return pwritev(fd, parts, count, offset); }

static ssize_t read_at(int fd, void *bytes, size_t length, int64_t offset) {
    char path[PATH_MAX];
    if (at && fd_below(fd, path)) {
        LOCK;
        int fate = enter(0);
        UNLOCK;
        if (fate != NOTHING) {
            if (act_kill)
                kill(getpid(), SIGKILL);
            errno = EIO;
            return -1;
        }
    }
    return offset < 0 ? syscall(SYS_read, fd, bytes, length) : syscall(SYS_pread64, fd, bytes, length, offset);
}
ssize_t read(int fd, void *bytes, size_t length) { return read_at(fd, bytes, length, -1); }
ssize_t pread(int fd, void *bytes, size_t length, off_t offset) { return read_at(fd, bytes, length, offset); }
ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) { return read_at(fd, bytes, length, offset); }

static int sync_with(int fd, long number) {
    char path[PATH_MAX];
    if (!fd_below(fd, path))
        return (int)syscall(number, fd);
    LOCK;
    int fate = enter(1);
    REFUSE_IF_BEFORE(fate);
    /* Nothing loses power here; that it was asked for is what counts. */
    tell(SYNC, path, NULL, inode_of(fd), 0, NULL, 0, 0);
    int answer = leave(fate);
    UNLOCK;
    return answer;
}
int fsync(int fd) { return sync_with(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_with(fd, SYS_fdatasync); }
int syncfs(int fd) { notice(fd, "syncfs"); return (int)syscall(SYS_syncfs, fd); }

/* It promises nothing about a power loss: it may fail, and is not written down. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    char path[PATH_MAX];
    if (fd_below(fd, path)) {
        LOCK;
        int fate = enter(1);
        REFUSE_IF_BEFORE(fate);
        int answer = leave(fate);
        UNLOCK;
        if (answer)
            return answer;
    }
    return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
}

int ftruncate(int fd, off_t length) {
    char path[PATH_MAX];
    if (!fd_below(fd, path))
        return (int)syscall(SYS_ftruncate, fd, length);
    LOCK;
    int fate = enter(1);
    REFUSE_IF_BEFORE(fate);
    int answer = (int)syscall(SYS_ftruncate, fd, length);
    if (!answer)
        tell(TRUNCATE, path, NULL, inode_of(fd), (uint64_t)length, NULL, 0, 0);
    answer = answer ? answer : leave(fate);
    UNLOCK;
    return answer;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int rename_at(int dir, const char *from, int other_dir, const char *to) {
    char path[PATH_MAX], other[PATH_MAX];
    int is_from = name_below(dir, from, path), is_to = name_below(other_dir, to, other);
    if (!is_from && !is_to)
        return (int)syscall(SYS_renameat2, dir, from, other_dir, to, 0);
    LOCK;
    int fate = enter(1);
    REFUSE_IF_BEFORE(fate);
    int answer = (int)syscall(SYS_renameat2, dir, from, other_dir, to, 0);
    if (!answer)
        tell(RENAME, path, other, 0, 0, NULL, 0, 0);
    answer = answer ? answer : leave(fate);
    UNLOCK;
    return answer;
}
int rename(const char *from, const char *to) { return rename_at(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int dir, const char *from, int other, const char *to) { return rename_at(dir, from, other, to); }

static int unlink_at(int dir, const char *name, int flags) {
    char path[PATH_MAX];
    if (!name_below(dir, name, path))
        return (int)syscall(SYS_unlinkat, dir, name, flags);
    LOCK;
    int fate = enter(1);
    REFUSE_IF_BEFORE(fate);
    int answer = (int)syscall(SYS_unlinkat, dir, name, flags);
    if (!answer)
        tell(UNLINK, path, NULL, 0, 0, NULL, 0, 0);
    answer = answer ? answer : leave(fate);
    UNLOCK;
    return answer;
}
int unlink(const char *name) { return unlink_at(AT_FDCWD, name, 0); }
int unlinkat(int dir, const char *name, int flags) { return unlink_at(dir, name, flags); }
int rmdir(const char *name) { return unlink_at(AT_FDCWD, name, AT_REMOVEDIR); }

static int mkdir_at(int dir, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (!name_below(dir, name, path))
        return (int)syscall(SYS_mkdirat, dir, name, mode);
    LOCK;
    int fate = enter(1);
    REFUSE_IF_BEFORE(fate);
    int answer = (int)syscall(SYS_mkdirat, dir, name, mode);
    struct stat about;
    if (!answer && !stat(path, &about))
        tell(MKDIR, path, NULL, about.st_ino, 0, NULL, 0, 0);
    answer = answer ? answer : leave(fate);
    UNLOCK;
    return answer;
}
int mkdir(const char *name, mode_t mode) { return mkdir_at(AT_FDCWD, name, mode); }
int mkdirat(int dir, const char *name, mode_t mode) { return mkdir_at(dir, name, mode); }

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE))
        notice(fd, "mmap");
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}

int truncate(const char *name, off_t length) {
    char path[PATH_MAX];
    if (name_below(AT_FDCWD, name, path))
        tell(UNKNOWN, path, "truncate", 0, 0, NULL, 0, 0);
    return (int)syscall(SYS_truncate, name, length);
}
int link(const char *from, const char *to) {
    char path[PATH_MAX];
    if (name_below(AT_FDCWD, to, path))
        tell(UNKNOWN, path, "link", 0, 0, NULL, 0, 0);
    return (int)syscall(SYS_link, from, to);
}
int linkat(int dir, const char *from, int other, const char *to, int flags) {
    char path[PATH_MAX];
    if (name_below(other, to, path))
        tell(UNKNOWN, path, "linkat", 0, 0, NULL, 0, 0);
    return (int)syscall(SYS_linkat, dir, from, other, to, flags);
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
    notice(fd, "fallocate");
    return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    notice(to, "copy_file_range");
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
    notice(to, "sendfile");
    return syscall(SYS_sendfile, to, from, offset, length);
}
