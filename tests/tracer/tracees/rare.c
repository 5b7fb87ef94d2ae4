// Calls that few programs make. Each mode makes its own and exits with 0 if they went as they would
// without a tracer.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(holds)                                                                               \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			fprintf(stderr, "%d: %s (errno %d)\n", __LINE__, #holds, errno);           \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

// Numbers that older headers lack are the same for all architectures.
enum { OPEN_TREE = 428, MOVE_MOUNT = 429, FSCONFIG = 431, FSPICK = 433, PIDFD_GETFD = 438,
       SETXATTRAT = 463, GETXATTRAT = 464, LISTXATTRAT = 465, REMOVEXATTRAT = 466,
       OPEN_TREE_ATTR = 467, FILE_GETATTR = 468, FILE_SETATTR = 469 };

static void unknown(void) {
	for (int i = 0; i < 3; i++)
		CHECK(syscall(5000) == -1 && errno == ENOSYS);
	CHECK(syscall(5001) == -1 && errno == ENOSYS);
}

// More numbers than are told apart.
static void all_unknown(void) {
	for (int number = 5000; number < 5100; number++)
		CHECK(syscall(number) == -1 && errno == ENOSYS);
}

// A call of the x32 table, which most kernels do not have.
static void x32(void) {
	syscall(0x40000000 + SYS_getpid);
}

// Becomes the program in the arguments, whose calls with this number fail that have this value in these
// bits of an argument.
static void forbid(char **argv, int number, int argument, unsigned bits, unsigned value) {
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[argument])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	execv(argv[0], argv);
	CHECK(!"executed");
}

// Exits with 0 where it may have the strict mode, in which nothing but exit(2) is left to it.
static void strict(void) {
	long done = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	syscall(SYS_exit, done == 0 ? 0 : errno);
}

static void ring(void) {
	char parameters[120] = {0};
	long fd = syscall(SYS_io_uring_setup, 4, parameters);
	printf("%s\n", fd >= 0 ? "ring" : strerrorname_np(errno));
}

// Every call here fails or succeeds as the kernel likes: each names a file.
static void names(void) {
	syscall(OPEN_TREE, AT_FDCWD, "/rare/open_tree", 0);
	syscall(OPEN_TREE_ATTR, AT_FDCWD, "/rare/open_tree_attr", 0, NULL, 0);
	syscall(FSPICK, AT_FDCWD, "/rare/fspick", 0);
	syscall(FSCONFIG, -1, 1, "source", "/rare/fsconfig-string", 0);
	syscall(FSCONFIG, -1, 1, "option", "/rare/no-name", 0);
	syscall(FSCONFIG, -1, 3, "upperdir", "/rare/fsconfig-path", AT_FDCWD);
	syscall(MOVE_MOUNT, AT_FDCWD, "/rare/moved", AT_FDCWD, "/rare/move_mount", 0);
	syscall(SYS_mount, "/rare/device", "/rare/mount", "none", 0, NULL);
	syscall(SYS_umount2, "/rare/umount", 0);
	syscall(SETXATTRAT, AT_FDCWD, "/rare/setxattrat", 0, "user.x", NULL, 0);
	syscall(GETXATTRAT, AT_FDCWD, "/rare/getxattrat", 0, "user.x", NULL, 0);
	syscall(LISTXATTRAT, AT_FDCWD, "/rare/listxattrat", 0, NULL, 0);
	syscall(REMOVEXATTRAT, AT_FDCWD, "/rare/removexattrat", 0, "user.x");
	syscall(FILE_GETATTR, AT_FDCWD, "/rare/file_getattr", NULL, 0, 0);
	syscall(FILE_SETATTR, AT_FDCWD, "/rare/file_setattr", NULL, 0, 0);
	syscall(SYS_quotactl, 0x80000700, "/rare/quotactl", 0, NULL);
	syscall(SYS_acct, "/rare/acct");
	syscall(SYS_swapon, "/rare/swapon", 0);
	syscall(SYS_swapoff, "/rare/swapoff");
	syscall(SYS_fanotify_mark, -1, 1, 8L, AT_FDCWD, "/rare/fanotify_mark");
	struct { uint64_t path; uint32_t fd, flags; int32_t directory; } object = {
		.path = (uintptr_t)"/rare/bpf",
	};
	syscall(SYS_bpf, 7, &object, sizeof object);
#ifdef SYS_uselib
	syscall(SYS_uselib, "/rare/uselib");
#endif
}

// A descriptor that no name was given for in the process that gets it.
static void taken(const char *file) {
	int fd = open(file, O_RDWR);
	CHECK(fd >= 0);
	pid_t parent = getpid();
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		int process = syscall(SYS_pidfd_open, parent, 0);
		CHECK(process >= 0);
		CHECK(syscall(PIDFD_GETFD, process, fd, 0) >= 0);
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

// A file that is opened by its handle; 77 where that is not allowed.
static void handle(const char *file) {
	struct { struct file_handle head; char rest[128]; } handle = {.head.handle_bytes = 128};
	int mount;
	int where = open("/", O_RDONLY | O_DIRECTORY);
	char *directory = strdup(file);
	*strrchr(directory, '/') = 0;
	where = open(directory, O_RDONLY | O_DIRECTORY);
	CHECK(where >= 0);
	if (name_to_handle_at(AT_FDCWD, file, &handle.head, &mount, 0) != 0)
		exit(77);
	int fd = open_by_handle_at(where, &handle.head, O_RDONLY);
	if (fd < 0)
		exit(77);
}

// A file below a directory whose path is longer than the kernel names.
static void deep(const char *top) {
	char name[201];
	memset(name, 'd', 200);
	name[200] = 0;
	CHECK(chdir(top) == 0);
	for (int i = 0; i < 25; i++)
		CHECK(mkdir(name, 0755) == 0 && chdir(name) == 0);
	struct stat st;
	CHECK(stat("missing", &st) == -1 && errno == ENOENT);
	int fd = open("file", O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	CHECK(stat("file", &st) == 0);
	int here = open(".", O_PATH);
	CHECK(fstatat(here, "file", &st, 0) == 0);
	CHECK(fstatat(here, "other", &st, 0) == -1);
}

// Sends a message to each of these sockets (none: its address cannot be read), with one call; how many
// were sent, or the error.
static int send_to(int from, const char *const *names, int count) {
	struct sockaddr_un addresses[8] = {0};
	struct mmsghdr messages[8] = {0};
	struct iovec part = {"x", 1};
	for (int i = 0; i < count; i++) {
		addresses[i].sun_family = AF_UNIX;
		strcpy(addresses[i].sun_path, names[i] ? names[i] : "");
		messages[i].msg_hdr = (struct msghdr){.msg_name = names[i] ? &addresses[i] : (void *)1,
			.msg_namelen = sizeof addresses[i], .msg_iov = &part, .msg_iovlen = 1};
	}
	int sent = sendmmsg(from, messages, count, 0);
	return sent < 0 ? -errno : sent;
}

static void messages(void) {
	int from = socket(AF_UNIX, SOCK_DGRAM, 0);
	for (const char *name = "a\0b\0c\0d\0"; *name; name += 2) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		strcpy(address.sun_path, name);
		int to = socket(AF_UNIX, SOCK_DGRAM, 0);
		CHECK(bind(to, (struct sockaddr *)&address, sizeof address) == 0);
	}
	CHECK(send_to(from, (const char *const[]){"a", "b", "a", "missing", "c"}, 5) == 3);
	CHECK(send_to(from, (const char *const[]){"absent", "c"}, 2) == -ENOENT);
	CHECK(send_to(from, (const char *const[]){"d", NULL, "c"}, 3) == 1);
}

// Connects to a socket by another name of its, and serves it itself if nobody else does.
static void connects(const char *path, const char *by) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, path);
	struct sockaddr *to = (struct sockaddr *)&address;
	if (access(path, F_OK) != 0) {
		int serves = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(bind(serves, to, sizeof address) == 0);
		// Who asks to listen ends before anybody connects, as with daemons.
		int child = fork();
		if (child == 0)
			_exit(listen(serves, 1));
		CHECK(waitpid(child, NULL, 0) == child);
	}
	strcpy(address.sun_path, by);
	CHECK(connect(socket(AF_UNIX, SOCK_STREAM, 0), to, sizeof address) == 0);
}

int main(int argc, char **argv) {
	if (argc < 2)
		return 2;
	const char *mode = argv[1];
	if (!strcmp(mode, "unknown"))
		unknown();
	else if (!strcmp(mode, "all-unknown"))
		all_unknown();
	else if (!strcmp(mode, "x32"))
		x32();
	else if (!strcmp(mode, "forbid"))
		forbid(argv + 2, SYS_ptrace, 0, 0, 0);
	else if (!strcmp(mode, "forbid-info"))
		forbid(argv + 2, SYS_ptrace, 0, ~0u, 0x420e /* PTRACE_GET_SYSCALL_INFO */);
	else if (!strcmp(mode, "forbid-memory"))
		forbid(argv + 2, SYS_process_vm_readv, 0, 0, 0);
	else if (!strcmp(mode, "forbid-filters"))
		forbid(argv + 2, SYS_seccomp, 0, 0, 0);
	else if (!strcmp(mode, "forbid-listeners"))
		forbid(argv + 2, SYS_seccomp, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			SECCOMP_FILTER_FLAG_NEW_LISTENER);
	else if (!strcmp(mode, "strict"))
		strict();
	else if (!strcmp(mode, "ring"))
		ring();
	else if (!strcmp(mode, "names"))
		names();
	else if (!strcmp(mode, "connects"))
		connects(argv[2], argc > 3 ? argv[3] : argv[2]);
	else if (!strcmp(mode, "messages"))
		messages();
	else if (!strcmp(mode, "taken"))
		taken(argv[2]);
	else if (!strcmp(mode, "deep"))
		deep(argv[2]);
	else if (!strcmp(mode, "handle"))
		handle(argv[2]);
	else
		return 2;
	return 0;
}
