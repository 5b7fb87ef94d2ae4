/* Makes many calls on names, good and bad, and says of each what the kernel answered.
 *
 * outcomes DIRECTORY REPORT: works below DIRECTORY; REPORT gets a line per call: the operation as
 * the trace names it, the path made absolute, the error number or 0. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static FILE *report;
static const char *top;

static int said(const char *operation, const char *path, long result)
{
	int error = result < 0 ? errno : 0;
	if (path[0] == '/')
		fprintf(report, "%s\t%s\t%d\n", operation, path, error);
	else
		fprintf(report, "%s\t%s/%s\t%d\n", operation, top, path, error);
	return result;
}

static void opened(const char *operation, const char *path, int flags, mode_t mode)
{
	int fd = said(operation, path, syscall(SYS_openat, AT_FDCWD, path, flags, mode));
	if (fd >= 0)
		close(fd);
}

static void looked(const char *path)
{
	struct stat st;
	struct statx stx;
	char text[PATH_MAX];
	said("stat", path, syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0));
	said("stat", path, syscall(SYS_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW));
	said("stat", path, syscall(SYS_statx, AT_FDCWD, path, 0, STATX_MODE, &stx));
	said("stat", path, syscall(SYS_statx, AT_FDCWD, path, 0x40000000, STATX_MODE, &stx));
	said("stat", path, syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0x40000000));
#ifdef SYS_stat
	said("stat", path, syscall(SYS_stat, path, &st));
	said("stat", path, syscall(SYS_lstat, path, &st));
	said("check", path, syscall(SYS_access, path, F_OK));
	said("read-link", path, syscall(SYS_readlink, path, text, sizeof text));
#endif
	for (int mode = 0; mode <= 8; mode++)
		said("check", path, syscall(SYS_faccessat, AT_FDCWD, path, mode));
	said("check", path, syscall(SYS_faccessat2, AT_FDCWD, path, R_OK, AT_EACCESS));
	said("check", path, syscall(SYS_faccessat2, AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW));
	said("check", path, syscall(SYS_faccessat2, AT_FDCWD, path, F_OK, 0x40000000));
	said("read-link", path, syscall(SYS_readlinkat, AT_FDCWD, path, text, sizeof text));
	said("read-link", path, syscall(SYS_readlinkat, AT_FDCWD, path, text, 1));
	said("read-link", path, syscall(SYS_readlinkat, AT_FDCWD, path, text, 0));
	said("get-attributes", path, getxattr(path, "user.none", text, sizeof text));
	struct statfs fs;
	said("get-attributes", path, statfs(path, &fs));
}

static void read_in_all_ways(const char *path)
{
	static const int extra[] = {0, O_CLOEXEC, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW,
		O_DIRECTORY | O_NOFOLLOW, O_NOATIME, O_NOCTTY, O_EXCL};
	for (size_t i = 0; i < sizeof extra / sizeof *extra; i++)
		opened("read", path, O_RDONLY | O_NONBLOCK | extra[i], 0);
	opened("open-path", path, O_PATH, 0);
	opened("open-path", path, O_PATH | O_NOFOLLOW, 0);
	opened("open-path", path, O_PATH | O_DIRECTORY, 0);
	opened("open-path", path, O_PATH | O_NOFOLLOW | O_DIRECTORY, 0);
	opened("write", path, O_WRONLY | O_NONBLOCK, 0);
	opened("read-write", path, O_RDWR | O_NONBLOCK, 0);
}

static void all(const char *path)
{
	looked(path);
	read_in_all_ways(path);
}

int main(int argc, char **argv)
{
	if (argc != 3 || chdir(argv[1]) != 0 || !(report = fopen(argv[2], "we")))
		return 99;
	top = argv[1];
	char long_name[300], long_path[5000];
	memset(long_name, 'n', sizeof long_name);
	long_name[sizeof long_name - 1] = 0;
	memset(long_path, '/', sizeof long_path);
	long_path[sizeof long_path - 1] = 0;

	/* Prepared by the test: see `outcomes.rs`. */
	static const char *const names[] = {
		"file", "file/", "file/below", "directory", "directory/", "directory/file", "missing",
		"missing/below", "link", "link-to-directory", "link-to-directory/file", "dangling", "loop",
		"fifo", "secret", "locked/file", "locked", "./file", "directory/../file", ".", "..",
		"unwritable", "only-writable", "device-link", "self-link",
		"/dev/null", "/dev/zero", "/dev/tty", "/dev/stdin", "/dev/fd/0", "/dev/fd/77",
		"/proc/self/status", "/proc/self/fd/77", "/proc/self/nothing", "/proc/1/environ",
		"/proc/self/environ", "/etc/mtab", "/sys/kernel/nothing", "/etc/shadow", "/",
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		all(names[i]);
	all(long_name);

	/* Writing to what exists, and a place to go to. */
	static const char *const existing[] = {
		"file", "file/below", "directory", "link", "loop", "secret", "locked/file", "unwritable",
		"only-writable", "device-link", "tool", "/dev/null", "/etc/shadow",
	};
	static const int writing[] = {O_WRONLY, O_WRONLY | O_APPEND, O_WRONLY | O_TRUNC,
		O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		O_WRONLY | O_CREAT | O_NOFOLLOW, O_WRONLY | O_CREAT | O_EXCL, O_TRUNC,
		O_WRONLY | O_DIRECTORY};
	for (size_t i = 0; i < sizeof existing / sizeof *existing; i++) {
		/* What is not ours is not to be emptied. */
		int harmless = existing[i][0] == '/' ? O_TRUNC : 0;
		for (size_t j = 0; j < sizeof writing / sizeof *writing; j++)
			if (!(writing[j] & harmless))
				opened("write", existing[i], O_NONBLOCK | writing[j], 0600);
		opened("read-write", existing[i], O_NONBLOCK | O_RDWR | O_CREAT, 0600);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		said("change-directory", names[i], chdir(names[i]));
		said("change-directory", top, chdir(top));
	}
	static const char *const no_programs[] = {
		"missing", "missing/below", "file/below", "dangling", "loop", "file", "directory", "secret",
		"locked/missing",
	};
	char *const arguments[] = {"none", NULL};
	for (size_t i = 0; i < sizeof no_programs / sizeof *no_programs; i++) {
		said("execute", no_programs[i], execve(no_programs[i], arguments, NULL));
		said("execute", no_programs[i], syscall(SYS_execve, no_programs[i], 1, NULL));
	}
	said("execute", long_name, execve(long_name, arguments, NULL));

	/* What changes names, and what is seen of that at once. */
	struct stat st;
	said("stat", "made", stat("made", &st));
	opened("write", "made", O_WRONLY | O_CREAT | O_EXCL, 0600);
	opened("write", "made", O_WRONLY | O_CREAT | O_EXCL, 0600);
	opened("write", "made", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	said("stat", "made", stat("made", &st));
	said("rename", "made", rename("made", "moved"));
	said("stat", "made", stat("made", &st));
	said("stat", "moved", stat("moved", &st));
	said("link", "moved", link("moved", "linked"));
	said("link", "moved", link("moved", "linked"));
	said("stat", "linked", stat("linked", &st));
	said("symlink", "soft", symlink("moved", "soft"));
	said("stat", "soft", stat("soft", &st));
	said("remove", "moved", unlink("moved"));
	said("stat", "soft", stat("soft", &st));
	said("remove", "soft", unlink("soft"));
	said("remove", "soft", unlink("soft"));
	said("stat", "linked", stat("linked", &st));
	said("set-attributes", "linked", chmod("linked", 0));
	opened("read", "linked", O_RDONLY, 0);
	said("set-attributes", "linked", chmod("linked", 0644));
	opened("read", "linked", O_RDONLY, 0);
	said("truncate", "linked", truncate("linked", 3));
	said("make-directory", "new", mkdir("new", 0755));
	said("make-directory", "new", mkdir("new", 0755));
	said("change-directory", "new", chdir("new"));
	/* Relative to the new directory from here on, hence absolute in the report. */
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/new/../file", top);
	said("stat", path, stat("../file", &st));
	snprintf(path, sizeof path, "%s/new/file", top);
	said("stat", path, stat("file", &st));
	snprintf(path, sizeof path, "%s", top);
	said("change-directory", path, chdir(top));
	said("remove", "new", rmdir("new"));
	said("change-directory", "new", chdir("new"));
	said("remove", "directory", rmdir("directory"));
	said("make-node", "node", mknod("node", S_IFIFO | 0600, 0));

	/* Relative to a directory's descriptor. */
	int directory = said("read", "directory", open("directory", O_RDONLY | O_DIRECTORY));
	int plain = said("read", "file", open("file", O_RDONLY));
	said("stat", "directory/file", fstatat(directory, "file", &st, 0));
	said("stat", "directory/none", fstatat(directory, "none", &st, 0));
	said("stat", "directory/../file", fstatat(directory, "../file", &st, 0));
	int inner = said("read", "directory/file", openat(directory, "file", O_RDONLY));
	said("stat", "file/x", fstatat(plain, "x", &st, 0));
	snprintf(path, sizeof path, "/proc/self/fd/%d/file", directory);
	said("stat", path, stat(path, &st));
	snprintf(path, sizeof path, "/proc/self/fd/%d", inner);
	said("read", path, open(path, O_RDONLY));
	DIR *stream = fdopendir(directory);
	if (stream)
		readdir(stream);
	said("list", "directory", stream ? 0 : -1);
	fclose(report);
	return 0;
}
