/* Waits in every way that a program can, and says how each wait ended when a signal came.
 *
 * waits WHAT: a signal with a handler (`handled`), with one that restarts calls (`restarting`), that
 * is ignored (`ignored`), that is ignored by default (`by-default`), that is blocked (`blocked`), or a
 * stop that is continued (`stopped`) comes in each wait, once the kernel shows the waiting process
 * asleep. One line for each wait is written: what it returned, and the error. Each wait has a process
 * of its own, so that they pass at the same time, and ends by itself much later. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ends[2];
static int *word;
static char directory[] = "waits-XXXXXX";

/* Milliseconds: when a wait with an end of its own ends, and how long after the signal the others. */
enum { ENDS = 300, LATER = 700 };

static void pauses(int milliseconds)
{
	struct timespec time = {0, milliseconds * 1000000L};
	while (nanosleep(&time, &time) != 0)
		;
}

static long reads(void)
{
	char byte;
	return read(ends[0], &byte, 1);
}

static long receives(void)
{
	char byte;
	return recv(ends[0], &byte, 1, 0);
}

static long receives_with_timeout(void)
{
	char byte;
	/* A tracer can only let the time begin again: even then it is over before the byte comes. */
	struct timeval soon = {0, ENDS * 1000};
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
	long result = recv(ends[0], &byte, 1, 0);
	int error = errno;
	struct timeval never = {0, 0};
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never);
	errno = error;
	return result;
}

static long polls(void)
{
	struct pollfd one = {ends[0], POLLIN, 0};
	return poll(&one, 1, 10 * ENDS);
}

static long selects(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	struct timeval time = {2, 0};
	return select(ends[0] + 1, &set, NULL, NULL, &time);
}

static long epolls(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
	long result = epoll_wait(epoll, &event, 1, 10 * ENDS);
	int error = errno;
	close(epoll);
	errno = error;
	return result;
}

static long sleeps(void)
{
	struct timespec time = {0, ENDS * 1000000L};
	return nanosleep(&time, NULL);
}

static long sleeps_by_clock(void)
{
	struct timespec time = {0, ENDS * 1000000L};
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
	return errno ? -1 : 0;
}

static long waits_for_a_word(void)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static long waits_for_a_word_with_timeout(void)
{
	struct timespec time = {2, 0};
	return syscall(SYS_futex, word, FUTEX_WAIT, 0, &time, NULL, 0);
}

static long waits_for_a_signal(void)
{
	sigset_t set;
	struct timespec time = {0, ENDS * 1000000L};
	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	return sigtimedwait(&set, NULL, &time);
}

static long waits_for_a_child(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		pauses(ENDS);
		_exit(5);
	}
	int status = 0;
	long result = waitpid(pid, &status, 0);
	int error = errno;
	while (result == -1 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	errno = error;
	return result == pid ? WEXITSTATUS(status) : result;
}

static long waits_for_a_lock(void)
{
	int fd = open(directory, O_RDONLY | O_CLOEXEC);
	long result = flock(fd, LOCK_EX);
	int error = errno;
	close(fd);
	errno = error;
	return result;
}

static long accepts(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* A name of its own in the abstract name space. */
	bind(server, (struct sockaddr *)&name, sizeof(sa_family_t));
	listen(server, 1);
	socklen_t length = sizeof name;
	getsockname(server, (struct sockaddr *)&name, &length);
	pid_t pid = fork();
	if (pid == 0) {
		pauses(ENDS);
		int client = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(client, (struct sockaddr *)&name, length) == 0 ? 0 : 1);
	}
	int got = accept(server, NULL, NULL);
	int error = errno;
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	close(got);
	close(server);
	errno = error;
	return got < 0 ? -1 : 0;
}

static long watches(void)
{
	char path[100], event[4096];
	int inotify = inotify_init1(IN_CLOEXEC);
	snprintf(path, sizeof path, "%s/made", directory);
	inotify_add_watch(inotify, directory, IN_CREATE);
	pid_t pid = fork();
	if (pid == 0) {
		pauses(ENDS);
		_exit(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
	}
	long result = read(inotify, event, sizeof event);
	int error = errno;
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	unlink(path);
	close(inotify);
	errno = error;
	return result > 0;
}

static long waits_for_a_timer(void)
{
	unsigned long long count;
	struct itimerspec soon = {.it_value = {0, ENDS * 1000000L}};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	timerfd_settime(timer, 0, &soon, NULL);
	long result = read(timer, &count, sizeof count);
	int error = errno;
	close(timer);
	errno = error;
	return result;
}

static long waits_for_a_semaphore(void)
{
	int set = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf down = {0, -1, 0};
	struct timespec time = {0, ENDS * 1000000L};
	long result = semtimedop(set, &down, 1, &time);
	int error = errno;
	semctl(set, 0, IPC_RMID);
	errno = error;
	return result;
}

static long waits_for_a_message(void)
{
	struct { long type; char text[1]; } message = {1, ""};
	int queue = msgget(IPC_PRIVATE, 0600);
	pid_t pid = fork();
	if (pid == 0) {
		pauses(ENDS);
		_exit(msgsnd(queue, &message, 1, 0) == 0 ? 0 : 1);
	}
	long result = msgrcv(queue, &message, 1, 0, 0);
	int error = errno;
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	msgctl(queue, IPC_RMID, NULL);
	errno = error;
	return result;
}

static const struct {
	const char *name;
	long (*wait)(void);
} waits[] = {
	{"read", reads}, {"recv", receives}, {"recv with timeout", receives_with_timeout},
	{"poll", polls}, {"select", selects}, {"epoll_wait", epolls},
	{"nanosleep", sleeps}, {"clock_nanosleep", sleeps_by_clock},
	{"futex", waits_for_a_word}, {"futex with timeout", waits_for_a_word_with_timeout},
	{"sigtimedwait", waits_for_a_signal}, {"waitpid", waits_for_a_child},
	{"flock", waits_for_a_lock}, {"accept", accepts}, {"read of inotify", watches},
	{"read of timerfd", waits_for_a_timer}, {"semtimedop", waits_for_a_semaphore},
	{"msgrcv", waits_for_a_message},
};

static void handler(int number)
{
	(void)number;
}

/* Whether a process is asleep, and stays so for a moment: it waits, and is not on its way there. */
static int is_asleep(pid_t pid)
{
	char path[40], line[500];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	for (int looks = 0; looks < 4; looks++) {
		FILE *file = fopen(path, "re");
		char *state = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
		if (file)
			fclose(file);
		if (!state || state[2] != 'S')
			return 0;
		pauses(5);
	}
	return 1;
}

/* Sends the signal, and ends the wait some time later. */
static pid_t disturbs(int number, int locks)
{
	int ready[2], held = -1;
	char byte;
	if (pipe(ready) != 0)
		exit(4);
	pid_t pid = fork();
	if (pid != 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			exit(5);
		close(ready[0]);
		return pid;
	}
	if (locks) {
		held = open(directory, O_RDONLY | O_CLOEXEC);
		flock(held, LOCK_EX);
	}
	if (write(ready[1], "x", 1) != 1)
		_exit(1);
	while (!is_asleep(getppid()))
		;
	kill(getppid(), number);
	if (number == SIGSTOP) {
		pauses(20);
		kill(getppid(), SIGCONT);
	}
	pauses(LATER);
	*word = 1;
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	if (held >= 0)
		close(held);
	_exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
}

/* One wait, in a process of its own. */
static int disturbed(size_t i, int number)
{
	int status;
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (word == MAP_FAILED || !mkdtemp(directory) || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return 2;
	pid_t pid = disturbs(number, waits[i].wait == waits_for_a_lock);
	errno = 0;
	long result = waits[i].wait();
	printf("%s: %ld %s\n", waits[i].name, result, result < 0 ? strerrorname_np(errno) : "");
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	rmdir(directory);
	return status != 0 || fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
	enum { COUNT = sizeof waits / sizeof *waits };
	const char *what = argc > 1 ? argv[1] : "";
	int number = SIGUSR1, lines[COUNT], pipes[2];
	struct sigaction action = {.sa_handler = handler};
	sigset_t set;
	sigemptyset(&set);
	if (!strcmp(what, "restarting"))
		action.sa_flags = SA_RESTART;
	else if (!strcmp(what, "ignored"))
		action.sa_handler = SIG_IGN;
	else if (!strcmp(what, "by-default"))
		number = SIGWINCH;
	else if (!strcmp(what, "blocked"))
		sigaddset(&set, SIGUSR1);
	else if (!strcmp(what, "stopped"))
		number = SIGSTOP;
	else if (strcmp(what, "handled"))
		return 99;
	if (number == SIGUSR1)
		sigaction(number, &action, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < COUNT; i++) {
		if (pipe2(pipes, O_CLOEXEC) != 0)
			return 1;
		if (fork() == 0) {
			dup2(pipes[1], STDOUT_FILENO);
			for (int fd = 3; fd < 100; fd++)
				close(fd);
			exit(disturbed(i, number));
		}
		close(pipes[1]);
		lines[i] = pipes[0];
	}
	for (size_t i = 0; i < COUNT; i++) {
		char line[100];
		ssize_t length;
		while ((length = read(lines[i], line, sizeof line)) > 0)
			if (write(STDOUT_FILENO, line, length) != length)
				return 3;
	}
	for (size_t i = 0; i < COUNT; i++) {
		int status;
		if (wait(&status) < 0 || status != 0)
			return 4;
	}
	return 0;
}
