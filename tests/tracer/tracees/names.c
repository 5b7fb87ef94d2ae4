/* Names files in unusual ways, in its working directory; `names WAY` exits with 0 when the kernel
 * answered as it does untraced, with 77 where it cannot answer. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int made(const char *name, char content)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int result = fd < 0 || write(fd, &content, 1) != 1;
	close(fd);
	return result;
}

/* The first byte of a file, or the negative error number. */
static int content(int fd)
{
	char byte;
	if (fd < 0)
		return -errno;
	int result = read(fd, &byte, 1) == 1 ? byte : -EIO;
	close(fd);
	return result;
}

static int open2(int directory, const char *path, unsigned long long resolve)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = resolve};
	return content(syscall(SYS_openat2, directory, path, &how, sizeof how));
}

static int by_openat2(void)
{
	if (mkdir("tree", 0755) || mkdir("tree/sub", 0755) || made("tree/file", 't') ||
		made("tree/sub/file", 's') || made("file", 'o') || symlink("sub/file", "tree/link") ||
		symlink("/file", "tree/absolute") || symlink("../file", "tree/out"))
		return 1;
	int tree = open("tree", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (open2(tree, "file", 0) == -ENOSYS)
		return 77;
	char self[60];
	snprintf(self, sizeof self, "/proc/self/fd/%d/file", tree);
	struct open_how unknown = {.resolve = 1ULL << 40};
	const int results[] = {
		open2(tree, "link", 0) == 's',
		open2(tree, "link", RESOLVE_NO_SYMLINKS) == -ELOOP,
		open2(tree, "absolute", RESOLVE_IN_ROOT) == 't',
		open2(tree, "out", RESOLVE_IN_ROOT) == 't',
		open2(tree, "/../../file", RESOLVE_IN_ROOT) == 't',
		open2(tree, "out", RESOLVE_BENEATH) == -EXDEV,
		open2(tree, "absolute", RESOLVE_BENEATH) == -EXDEV,
		open2(tree, "sub/../link", RESOLVE_BENEATH) == 's',
		open2(AT_FDCWD, self, 0) == 't',
		open2(AT_FDCWD, self, RESOLVE_NO_MAGICLINKS) == -ELOOP,
		open2(AT_FDCWD, "/proc/version", RESOLVE_NO_XDEV) == -EXDEV,
		open2(999, "file", 0) == -EBADF,
		syscall(SYS_openat2, tree, "strange", &unknown, sizeof unknown) == -1 && errno == EINVAL,
		syscall(SYS_openat2, tree, "small", &unknown, 8) == -1 && errno == EINVAL,
	};
	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		if (!results[i])
			return 10 + i;
	return 0;
}

static int by_renameat2(void)
{
	if (mkdir("from", 0755) || mkdir("to", 0755) || made("from/a", 'a') || made("to/b", 'b'))
		return 1;
	int from = open("from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int to = open("to", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (renameat2(from, "a", to, "b", RENAME_NOREPLACE) != -1 || errno != EEXIST)
		return 2;
	if (renameat2(from, "a", to, "b", RENAME_EXCHANGE) != 0)
		return errno == EINVAL ? 77 : 3;
	if (content(open("from/a", O_RDONLY)) != 'b' || content(openat(to, "b", O_RDONLY)) != 'a')
		return 4;
	if (renameat2(from, "a", to, "moved", 0) != 0 || content(open("to/moved", O_RDONLY)) != 'b')
		return 5;
	return renameat2(from, "a", to, "b", RENAME_EXCHANGE) == -1 && errno == ENOENT ? 0 : 6;
}

/* Attributes by name and by descriptor. */
static int by_status(void)
{
	struct statx stx;
	struct stat st;
	if (mkdir("tree", 0755) || made("tree/file", 't') || symlink("file", "tree/link"))
		return 1;
	int tree = open("tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int results[] = {
		statx(tree, "file", 0, STATX_BASIC_STATS, &stx) == 0 && S_ISREG(stx.stx_mode),
		statx(tree, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx) == 0 && S_ISLNK(stx.stx_mode),
		statx(tree, "none", 0, STATX_TYPE, &stx) == -1 && errno == ENOENT,
		statx(tree, "", AT_EMPTY_PATH, STATX_TYPE, &stx) == 0 && S_ISDIR(stx.stx_mode),
		syscall(SYS_faccessat2, tree, "file", R_OK, AT_EACCESS) == 0,
		syscall(SYS_faccessat2, tree, "absent", F_OK, 0) == -1 && errno == ENOENT,
		syscall(SYS_faccessat2, tree, "file/below", F_OK, 0) == -1 && errno == ENOTDIR,
		syscall(SYS_faccessat2, tree, "", F_OK, AT_EMPTY_PATH) == 0,
		fstatat(tree, "", &st, 0) == -1 && errno == ENOENT,
	};
	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		if (!results[i])
			return 10 + i;
	return 0;
}

static int by_handle(void)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} it = {.handle.handle_bytes = MAX_HANDLE_SZ};
	int mount;
	if (made("file", 'h') || name_to_handle_at(AT_FDCWD, "file", &it.handle, &mount, 0) != 0)
		return errno == EOPNOTSUPP ? 77 : 1;
	int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open_by_handle_at(directory, &it.handle, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 77;
	return content(fd) == 'h' ? 0 : 2;
}

/* The same letter of a path that another thread changes all the time. */
static char *volatile letter;
static volatile int done;

static void *rewrites(void *unused)
{
	(void)unused;
	while (!done)
		*letter ^= 'a' ^ 'b';
	return NULL;
}

static int is_rewritten(void)
{
	/* In memory that is not in the program's own file: it must be writable. */
	static char path[] = "written-a";
	unsigned seen[2] = {0, 0};
	pthread_t thread;
	if (made("written-a", 'a') || made("written-b", 'b'))
		return 1;
	letter = path + strlen(path) - 1;
	if (pthread_create(&thread, NULL, rewrites, NULL) != 0)
		return 2;
	for (int i = 0; i < 3000; i++) {
		int byte = content(open(path, O_RDONLY | O_CLOEXEC));
		if (byte != 'a' && byte != 'b')
			return 3;
		seen[byte - 'a']++;
	}
	done = 1;
	pthread_join(thread, NULL);
	FILE *report = fopen("report", "we");
	fprintf(report, "%u %u\n", seen[0], seen[1]);
	return fclose(report);
}

/* A working directory whose name is longer than any path. */
static int is_deep(void)
{
	char name[201];
	struct stat st;
	memset(name, 'd', 200);
	name[200] = 0;
	for (int i = 0; i < 30; i++)
		if (mkdir(name, 0755) != 0 || chdir(name) != 0)
			return 1;
	if (made("deep-file", 'd') || content(open("deep-file", O_RDONLY)) != 'd')
		return 2;
	if (stat("deep-none", &st) != -1 || errno != ENOENT)
		return 3;
	if (unlink("deep-file") != 0)
		return 4;
	for (int i = 0; i < 30; i++)
		if (chdir("..") != 0 || rmdir(name) != 0)
			return 5;
	return 0;
}

/* A working directory that is gone. */
static int is_gone(void)
{
	struct stat st;
	if (mkdir("gone", 0755) != 0 || chdir("gone") != 0 || rmdir("../gone") != 0)
		return 1;
	if (stat("in-nowhere", &st) != -1 || errno != ENOENT)
		return 2;
	if (open("made-nowhere", O_WRONLY | O_CREAT, 0644) != -1 || errno != ENOENT)
		return 3;
	return stat(".", &st) == 0 ? 0 : 4;
}

/* What a link leads to changes between two looks by the same name. */
static int is_relinked(void)
{
	if (made("first", '1') || made("second", '2') || symlink("first", "link"))
		return 1;
	if (content(open("link", O_RDONLY)) != '1' || unlink("link") || symlink("second", "link"))
		return 2;
	return content(open("link", O_RDONLY)) == '2' ? 0 : 3;
}

/* The C library goes along a path, and the program reads a link with a buffer of the same size. */
static int is_walked(void)
{
	char text[1024];
	if (mkdir("directory", 0755) || symlink("directory", "walked") || symlink("directory", "asked"))
		return 1;
	char *path = realpath("walked", NULL);
	if (path == NULL || strcmp(strrchr(path, '/'), "/directory"))
		return 2;
	free(path);
	if (realpath("absent", NULL) != NULL || errno != ENOENT)
		return 3;
	return readlink("asked", text, sizeof text - 1) == 9 ? 0 : 4;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	if (!strcmp(way, "openat2"))
		return by_openat2();
	if (!strcmp(way, "renameat2"))
		return by_renameat2();
	if (!strcmp(way, "status"))
		return by_status();
	if (!strcmp(way, "handle"))
		return by_handle();
	if (!strcmp(way, "rewritten"))
		return is_rewritten();
	if (!strcmp(way, "deep"))
		return is_deep();
	if (!strcmp(way, "gone"))
		return is_gone();
	if (!strcmp(way, "relinked"))
		return is_relinked();
	if (!strcmp(way, "walked"))
		return is_walked();
	return 99;
}
