// Changes what it sees of the file system. Exits with 77 where that is not allowed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(holds)                                                                               \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			fprintf(stderr, "%d: %s (errno %d)\n", __LINE__, #holds, errno);           \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define ALLOWED(call)                                                                              \
	do {                                                                                       \
		if ((call) != 0)                                                                   \
			exit(77);                                                                  \
	} while (0)

static int exists(const char *path) {
	struct stat st;
	return stat(path, &st) == 0;
}

static void reads(const char *path) {
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
}

static void change_root(const char *jail) {
	ALLOWED(chroot(jail));
	CHECK(chdir("/") == 0);
	CHECK(exists("/inside"));
	reads("/inside");
	CHECK(exists("/link"));
	CHECK(!exists("/bin/sh"));
	CHECK(chdir("/sub") == 0);
	CHECK(exists("deep"));
	reads("deep");
}

// The tracee itself, static, is /program in the jail, and /script names it as its interpreter.
static void execute(const char *jail) {
	ALLOWED(chroot(jail));
	CHECK(chdir("/") == 0);
	execl("/script", "script", NULL);
	CHECK(!"executed");
}

static void see_mounts(const char *from, const char *to) {
	char path[4096];
	ALLOWED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ALLOWED(mount(from, to, NULL, MS_BIND, NULL));
	snprintf(path, sizeof path, "%s/file", to);
	reads(path);
	CHECK(exists(path));
	CHECK(chdir(to) == 0);
	reads("file");
	CHECK(exists("/bin/sh"));
	CHECK(chdir("/") == 0);
	ALLOWED(mount("private", to, "tmpfs", 0, NULL));
	snprintf(path, sizeof path, "%s/private", to);
	CHECK(open(path, O_CREAT | O_WRONLY, 0600) >= 0);
	CHECK(exists(path));
}

static char stack[256 * 1024];
static char **mounts;

static int child(void *unused) {
	(void)unused;
	see_mounts(mounts[0], mounts[1]);
	return 0;
}

static void in_child(char **argv) {
	mounts = argv;
	pid_t pid = clone(child, stack + sizeof stack, CLONE_NEWNS | SIGCHLD, NULL);
	if (pid < 0)
		exit(77);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status))
		exit(WEXITSTATUS(status));
	CHECK(exists(argv[0]));
}

static void back_and_forth(const char *file) {
	int ours = open("/proc/self/ns/mnt", O_RDONLY);
	CHECK(ours >= 0);
	ALLOWED(unshare(CLONE_NEWNS));
	reads("/etc/passwd");
	ALLOWED(setns(ours, CLONE_NEWNS));
	reads(file);
}

int main(int argc, char **argv) {
	if (!strcmp(argv[0], "script") || !strcmp(argv[0], "/program"))
		return 0;
	if (argc < 3)
		return 2;
	const char *mode = argv[1];
	if (!strcmp(mode, "chroot"))
		change_root(argv[2]);
	else if (!strcmp(mode, "execute"))
		execute(argv[2]);
	else if (!strcmp(mode, "mounts")) {
		ALLOWED(unshare(CLONE_NEWNS));
		see_mounts(argv[2], argv[3]);
	} else if (!strcmp(mode, "child"))
		in_child(argv + 2);
	else if (!strcmp(mode, "setns"))
		back_and_forth(argv[2]);
	else
		return 2;
	return 0;
}
