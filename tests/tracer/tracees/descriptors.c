/* Reaches files by descriptors. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
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

/* A child opens a directory and sends it; the parent uses it. */
static int received(const char *path)
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
		int fd = open(path, O_RDONLY | O_DIRECTORY);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(header), &fd, sizeof fd);
		_exit(sendmsg(sockets[0], &message, 0) == 1 ? 0 : 1);
	}
	if (recvmsg(sockets[1], &message, 0) != 1)
		return 5;
	int fd;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	struct stat st;
	int copy = fcntl(dup(fd), F_DUPFD_CLOEXEC, 100);
	fstatat(copy, "below-received", &st, 0);
	int status;
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 6;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "memory"))
		return memory();
	if (argc > 1 && !strcmp(argv[1], "behind"))
		return behind();
	if (argc > 2 && !strcmp(argv[1], "received"))
		return received(argv[2]);
	return 99;
}
