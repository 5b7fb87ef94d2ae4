/* Processes that see other files, pids or users than the tracer does; `namespaces WAY` works in its
 * working directory and exits with 0 when all went as it would without a tracer, with 77 where this
 * machine does not let it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT 77

static int looks(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? 0 : errno;
}

static int reads(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int writes(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno;
	int result = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : EIO;
	close(fd);
	return result;
}

static int ended_well(pid_t pid)
{
	int status;
	return waitpid(pid, &status, __WALL) == pid && status == 0;
}

/* A user namespace of its own, and other namespaces of these kinds below it; false where this machine
 * does not let it. */
static int becomes_root(int kinds)
{
	char uids[50], gids[50];
	snprintf(uids, sizeof uids, "0 %d 1", geteuid());
	snprintf(gids, sizeof gids, "0 %d 1", getegid());
	return unshare(kinds | CLONE_NEWUSER) == 0 && writes("/proc/self/setgroups", "deny") == 0 &&
		writes("/proc/self/uid_map", uids) == 0 && writes("/proc/self/gid_map", gids) == 0;
}

/* New namespaces of these kinds; by way of a user namespace where that takes rights. */
static void enters(int kinds)
{
	if (geteuid() == 0 ? unshare(kinds) != 0 : !becomes_root(kinds))
		exit(CANNOT);
	if (kinds & CLONE_NEWNS && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		exit(CANNOT);
}

/* Users below users below users. */
static int by_users(void)
{
	char path[60];
	for (int level = 0; level < 3; level++) {
		if (!becomes_root(0))
			return level ? 1 : CANNOT;
		snprintf(path, sizeof path, "/namespaces/user-%d", level);
		if (looks(path) != ENOENT)
			return 2;
		pid_t pid = fork();
		if (pid != 0)
			return ended_well(pid) ? 0 : 3;
	}
	return reads("/etc/passwd") == 0 ? 0 : 4;
}

static int by_pids(void)
{
	enters(CLONE_NEWPID);
	pid_t pid = fork();
	if (pid != 0)
		return ended_well(pid) ? 0 : 1;
	if (getpid() != 1 || looks("/namespaces/first") != ENOENT)
		_exit(1);
	pid_t second = fork();
	if (second == 0)
		_exit(getpid() == 2 && looks("/namespaces/second") == ENOENT ? 0 : 1);
	if (second != 2 || !ended_well(second))
		_exit(2);
	/* The kernel kills whoever is left when the first of a namespace ends. */
	if (fork() == 0)
		for (;;)
			pause();
	_exit(0);
}

static void mounts_a_file(const char *name)
{
	char path[60];
	if (mkdir("mounted", 0755) != 0 && errno != EEXIST)
		exit(1);
	if (mount("none", "mounted", "tmpfs", 0, NULL) != 0)
		exit(CANNOT);
	snprintf(path, sizeof path, "mounted/%s", name);
	if (writes(path, "x") != 0)
		exit(2);
}

static int by_mounts(void)
{
	enters(CLONE_NEWNS);
	mounts_a_file("inside");
	if (reads("mounted/inside") != 0 || looks("mounted/inside") != 0)
		return 3;
	return looks("mounted/outside") == ENOENT ? 0 : 4;
}

/* A child makes a mount namespace; its parent joins it. */
static int by_joining(void)
{
	int up[2], down[2];
	char byte, path[60];
	if (geteuid() != 0 || pipe(up) != 0 || pipe(down) != 0)
		return CANNOT;
	int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0) {
		enters(CLONE_NEWNS);
		mounts_a_file("joined");
		close(down[1]);
		_exit(write(up[1], "x", 1) == 1 && read(down[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(up[1]);
	close(down[0]);
	if (read(up[0], &byte, 1) != 1)
		return CANNOT;
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
	int there = open(path, O_RDONLY | O_CLOEXEC);
	char directory[4096];
	if (!getcwd(directory, sizeof directory))
		return 2;
	if (looks("mounted/joined") == 0 || setns(there, CLONE_NEWNS) != 0)
		return 3;
	/* setns leads to the root of the namespace. */
	if (chdir(directory) != 0 || reads("mounted/joined") != 0)
		return 4;
	if (setns(home, CLONE_NEWNS) != 0 || chdir(directory) != 0 || looks("mounted/joined") != ENOENT)
		return 5;
	close(down[1]);
	return ended_well(pid) ? 0 : 6;
}

static int by_chroot(void)
{
	if (geteuid() != 0)
		enters(0);
	if (mkdir("jail", 0755) != 0 || mkdir("jail/etc", 0755) != 0 || writes("jail/etc/inside", "x"))
		return 1;
	int outside = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (chroot("jail") != 0 || chdir("/etc") != 0)
		return CANNOT;
	if (reads("/etc/inside") != 0 || reads("inside") != 0 || looks("/etc/passwd") != ENOENT)
		return 2;
	/* A directory that was open before is beyond the new root. */
	if (fstatat(outside, "jail/etc/inside", &st, 0) != 0)
		return 3;
	return looks("../../../etc/./inside") == 0 ? 0 : 4;
}

/* Processes below another root make children as fast as they can and are killed; each child looks. */
static int by_orphans(void)
{
	struct stat st;
	int status;
	if (geteuid() != 0)
		enters(0);
	if (mkdir("jail", 0755) != 0 || writes("jail/inside", "x"))
		return 1;
	/* How many have looked: a round lasts until another one has, and some time more. */
	volatile _Atomic int *looked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (looked == MAP_FAILED)
		return 5;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (int round = 0; round < 30; round++) {
		int before = *looked;
		pid_t pid = fork(), ended;
		if (pid == 0) {
			if (chroot("jail") != 0 || chdir("/") != 0)
				_exit(CANNOT);
			for (;;)
				if (fork() == 0) {
					int result = stat("/inside", &st) == 0 ? 0 : 2;
					++*looked;
					_exit(result);
				}
		}
		while (!(ended = waitpid(pid, &status, WNOHANG)) && *looked == before)
			usleep(100);
		if (!ended) {
			usleep(200 * round);
			kill(pid, SIGKILL);
			ended = waitpid(pid, &status, 0);
		}
		if (ended != pid)
			return 3;
		if (!WIFSIGNALED(status))
			return WEXITSTATUS(status);
	}
	while (waitpid(-1, &status, __WALL) > 0)
		if (status != 0)
			return 4;
	return 0;
}

static int by_pivot(void)
{
	enters(CLONE_NEWNS);
	mounts_a_file("pivoted");
	if (chdir("mounted") != 0 || syscall(SYS_pivot_root, ".", ".") != 0)
		return CANNOT;
	if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
		return 3;
	return reads("/pivoted") == 0 && looks("/etc/passwd") == ENOENT ? 0 : 4;
}

/* The C library's list of libraries for all, in a directory of our own making. */
static int by_preload(char **argv)
{
	enters(CLONE_NEWNS);
	char *environment[] = {NULL};
	if (mount("none", "/etc", "tmpfs", 0, NULL) != 0 || writes("/etc/ld.so.preload", argv[0]) != 0)
		return CANNOT;
	execve(argv[1], argv + 1, environment);
	return 2;
}

static pthread_barrier_t turn;

/* A thread with a working directory of its own. */
static void *goes_its_way(void *unused)
{
	(void)unused;
	if (unshare(CLONE_FS) != 0 || chdir("/usr") != 0)
		exit(1);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	if (looks("none-below-usr") != ENOENT)
		exit(2);
	return NULL;
}

static int by_unshared_directory(void)
{
	pthread_t thread;
	pthread_barrier_init(&turn, NULL, 2);
	if (chdir("/") != 0 || pthread_create(&thread, NULL, goes_its_way, NULL) != 0)
		return 3;
	pthread_barrier_wait(&turn);
	if (looks("none-below-root") != ENOENT)
		return 4;
	pthread_barrier_wait(&turn);
	return pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	if (!strcmp(way, "users"))
		return by_users();
	if (!strcmp(way, "pids"))
		return by_pids();
	if (!strcmp(way, "mounts"))
		return by_mounts();
	if (!strcmp(way, "joining"))
		return by_joining();
	if (!strcmp(way, "chroot"))
		return by_chroot();
	if (!strcmp(way, "orphans"))
		return by_orphans();
	if (!strcmp(way, "pivot"))
		return by_pivot();
	if (!strcmp(way, "preload"))
		return by_preload(argv + 2);
	if (!strcmp(way, "unshared-directory"))
		return by_unshared_directory();
	return 99;
}
