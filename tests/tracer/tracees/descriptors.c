/* Reaches files by descriptors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *const environment[] = {NULL};

static int memory(void)
{
	int from = open("/bin/true", O_RDONLY);
	int to = memfd_create("secret", MFD_CLOEXEC);
	struct stat st;
	if (fstat(from, &st) != 0 || sendfile(to, from, NULL, st.st_size) != st.st_size)
		return 1;
	char *argv[] = {"in-memory", NULL};
	syscall(SYS_execveat, to, "", argv, environment, AT_EMPTY_PATH);
	return 2;
}

static int behind(void)
{
	int fd = open("/bin/true", O_PATH | O_CLOEXEC);
	char *argv[] = {"behind", NULL};
	syscall(SYS_execveat, fd, "", argv, environment, AT_EMPTY_PATH);
	return 3;
}

/* A child opens a file and sends it; the parent has it then. */
static int receives(const char *path, int flags, int *received)
{
	int sockets[2];
	char byte = 0;
	struct iovec part = {&byte, 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes};
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
		return 4;
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDONLY | flags);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(header), &fd, sizeof fd);
		_exit(sendmsg(sockets[0], &message, 0) == 1 ? 0 : 1);
	}
	if (recvmsg(sockets[1], &message, 0) != 1)
		return 5;
	memcpy(received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *received);
	int status;
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 6;
}

static int received(const char *path)
{
	int fd, error = receives(path, O_DIRECTORY, &fd);
	struct stat st;
	fstatat(fcntl(dup(fd), F_DUPFD_CLOEXEC, 100), "below-received", &st, 0);
	return error;
}

static int received_program(void)
{
	char link[60], *argv[] = {"received", NULL};
	int fd, error = receives("/bin/true", O_CLOEXEC, &fd);
	if (error)
		return error;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if (open(link, O_RDONLY | O_CLOEXEC) < 0)
		return 7;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		return 8;
	syscall(SYS_execveat, fd, "", argv, environment, AT_EMPTY_PATH);
	return 9;
}

static int looks(int directory, const char *name)
{
	struct stat st;
	return fstatat(directory, name, &st, 0) == 0 ? 0 : errno;
}

static int opens(const char *path, int fd)
{
	int opened = open(path, O_RDONLY | O_DIRECTORY);
	return opened < 0 || dup2(opened, fd) != fd || close(opened) != 0;
}

static int ended_well(pid_t pid)
{
	int status;
	return waitpid(pid, &status, __WALL) == pid && status == 0;
}

/* A name without content is opened for reading by its place in /proc. */
static int path_only(void)
{
	char link[60];
	int fd = open("/bin/true", O_PATH | O_CLOEXEC);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if (fd < 0 || read(fd, link, 0) != -1 || errno != EBADF)
		return 1;
	if (open(link, O_RDONLY | O_CLOEXEC) < 0)
		return 2;
	int usr = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return looks(usr, "none-below-path-only") == ENOENT ? 0 : 3;
}

/* A child opens a directory; its parent fetches the descriptor. */
static int fetched(void)
{
	int up[2], down[2];
	char byte;
	if (pipe(up) != 0 || pipe(down) != 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		close(down[1]);
		_exit(opens("/usr", 70) || write(up[1], "x", 1) != 1 || read(down[0], &byte, 1) != 0);
	}
	if (read(up[0], &byte, 1) != 1)
		return 2;
	int process = syscall(SYS_pidfd_open, pid, 0);
	int fd = syscall(SYS_pidfd_getfd, process, 70, 0);
	if (fd < 0)
		return 77;
	if (looks(fd, "none-below-fetched") != ENOENT)
		return 3;
	close(down[1]);
	return ended_well(pid) ? 0 : 4;
}

static int closed_in_a_range(void)
{
	if (opens("/usr", 70) || looks(70, "none-before") != ENOENT)
		return 1;
	if (syscall(SYS_close_range, 60, 80, 0) != 0)
		return 77;
	if (looks(70, "none-closed") != EBADF)
		return 2;
	return opens("/etc", 70) || looks(70, "none-after") != ENOENT ? 3 : 0;
}

/* Some descriptors survive an exec and others do not. */
static int before_exec(char **argv)
{
	char *after[] = {argv[0], "after-exec", NULL};
	if (opens("/usr", 70) || opens("/etc", 71) || opens("/dev", 72))
		return 1;
	if (fcntl(71, F_SETFD, FD_CLOEXEC) != 0)
		return 2;
	/* CLOSE_RANGE_CLOEXEC, of Linux 5.11. */
	if (syscall(SYS_close_range, 72, 72, 4) != 0)
		return 77;
	execve(argv[0], after, environment);
	return 3;
}

static int after_exec(void)
{
	return looks(70, "none-kept") == ENOENT && looks(71, "none-closed") == EBADF &&
		looks(72, "none-closed-by-range") == EBADF ? 0 : 4;
}

static int opens_for_another(void *unused)
{
	(void)unused;
	return opens("/usr", 70);
}

/* A child with CLONE_FILES opens what its parent uses. */
static int shared(void)
{
	static char stack[64 * 1024];
	if (opens("/etc", 70))
		return 1;
	pid_t pid = clone(opens_for_another, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL);
	if (pid < 0 || !ended_well(pid))
		return 2;
	return looks(70, "none-below-shared") == ENOENT ? 0 : 3;
}

static pthread_barrier_t turn;

static void *opens_for_itself(void *unused)
{
	(void)unused;
	if (unshare(CLONE_FILES) != 0 || opens("/usr", 70))
		exit(1);
	pthread_barrier_wait(&turn);
	pthread_barrier_wait(&turn);
	if (looks(70, "none-of-the-thread") != ENOENT)
		exit(2);
	return NULL;
}

/* A thread with descriptors of its own. */
static int unshared(void)
{
	pthread_t thread;
	pthread_barrier_init(&turn, NULL, 2);
	if (opens("/etc", 70) || pthread_create(&thread, NULL, opens_for_itself, NULL) != 0)
		return 3;
	pthread_barrier_wait(&turn);
	if (looks(70, "none-of-the-process") != ENOENT)
		return 4;
	pthread_barrier_wait(&turn);
	return pthread_join(thread, NULL);
}

/* A program in memory, by its name in /proc. */
static int memory_by_name(void)
{
	int from = open("/bin/true", O_RDONLY);
	int to = memfd_create("secret", 0);
	struct stat st;
	char link[60], *argv[] = {"in-memory", NULL};
	if (fstat(from, &st) != 0 || sendfile(to, from, NULL, st.st_size) != st.st_size)
		return 1;
	snprintf(link, sizeof link, "/proc/self/fd/%d", to);
	execve(link, argv, environment);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "memory"))
		return memory();
	if (argc > 1 && !strcmp(argv[1], "behind"))
		return behind();
	if (argc > 2 && !strcmp(argv[1], "received"))
		return received(argv[2]);
	if (argc > 1 && !strcmp(argv[1], "received-program"))
		return received_program();
	if (argc > 1 && !strcmp(argv[1], "path-only"))
		return path_only();
	if (argc > 1 && !strcmp(argv[1], "fetched"))
		return fetched();
	if (argc > 1 && !strcmp(argv[1], "closed-in-a-range"))
		return closed_in_a_range();
	if (argc > 1 && !strcmp(argv[1], "before-exec"))
		return before_exec(argv);
	if (argc > 1 && !strcmp(argv[1], "after-exec"))
		return after_exec();
	if (argc > 1 && !strcmp(argv[1], "shared"))
		return shared();
	if (argc > 1 && !strcmp(argv[1], "unshared"))
		return unshared();
	if (argc > 1 && !strcmp(argv[1], "memory-by-name"))
		return memory_by_name();
	return 99;
}
