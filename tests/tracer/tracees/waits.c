/* Waits in every way that a program can, and says how each wait ended when a signal came.
 *
 * waits WHAT: a signal with a handler (`handled`), with one that restarts calls (`restarting`), that
 * is ignored (`ignored`), that is ignored by default (`by-default`), that is blocked (`blocked`), or a
 * stop that is continued (`stopped`) comes in each wait, once the kernel shows the waiting process
 * asleep. One line for each wait is written: what it returned, and the error. Each wait has a process
 * of its own, so that they pass at the same time.
 *
 * Nothing depends on how fast anything is: what a wait waits for comes when the signal has been noticed,
 * and where only time ends it and was over before that, there is another attempt with more time. */
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
static char directory[] = "waits-XXXXXX";

/* What the waiting process, its helpers and the one that disturbs it share. */
static struct {
	/* When the wait began and when the signal was noticed, in milliseconds; 0 before. */
	volatile long began, noticed;
	/* That what is waited for is to come. */
	volatile int is_over, word;
	volatile long result;
	volatile int error;
} *shared;

/* Milliseconds after which a wait ends that only time ends; all others end long before they would. */
static long some_time;
enum { LONG_TIME = 100000 };

static struct timespec timespec(long milliseconds)
{
	return (struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000};
}

static struct timeval timeval(long milliseconds)
{
	return (struct timeval){milliseconds / 1000, milliseconds % 1000 * 1000};
}

static void pauses(long milliseconds)
{
	struct timespec time = timespec(milliseconds);
	while (nanosleep(&time, &time) != 0)
		;
}

static long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Says that the next call is the wait. */
static void begins(void)
{
	shared->began = now();
}

/* In a helper: until what is waited for is to come. */
static void helps_in_time(void)
{
	while (!shared->is_over)
		pauses(2);
}

static long reads(void)
{
	char byte;
	begins();
	return read(ends[0], &byte, 1);
}

static long receives(void)
{
	char byte;
	begins();
	return recv(ends[0], &byte, 1, 0);
}

static long receives_with_timeout(void)
{
	char byte;
	struct timeval soon = timeval(some_time);
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
	begins();
	return recv(ends[0], &byte, 1, 0);
}

static long polls(void)
{
	struct pollfd one = {ends[0], POLLIN, 0};
	begins();
	return poll(&one, 1, LONG_TIME);
}

static long selects(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	struct timeval time = timeval(LONG_TIME);
	begins();
	return select(ends[0] + 1, &set, NULL, NULL, &time);
}

static long epolls(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
	begins();
	return epoll_wait(epoll, &event, 1, LONG_TIME);
}

static long sleeps(void)
{
	struct timespec time = timespec(some_time);
	begins();
	return nanosleep(&time, NULL);
}

static long sleeps_by_clock(void)
{
	struct timespec time = timespec(some_time);
	begins();
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
	return errno ? -1 : 0;
}

static long waits_for_a_word(void)
{
	begins();
	return syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static long waits_for_a_word_with_timeout(void)
{
	struct timespec time = timespec(LONG_TIME);
	begins();
	return syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, &time, NULL, 0);
}

static long waits_for_a_signal(void)
{
	sigset_t set;
	struct timespec time = timespec(some_time);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	begins();
	return sigtimedwait(&set, NULL, &time);
}

static long waits_for_a_child(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		helps_in_time();
		_exit(5);
	}
	int status = 0;
	begins();
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
	begins();
	return flock(fd, LOCK_EX);
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
		helps_in_time();
		int client = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(client, (struct sockaddr *)&name, length) == 0 ? 0 : 1);
	}
	begins();
	int got = accept(server, NULL, NULL);
	int error = errno;
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
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
		helps_in_time();
		_exit(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
	}
	begins();
	long result = read(inotify, event, sizeof event);
	int error = errno;
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	unlink(path);
	errno = error;
	return result > 0;
}

static long waits_for_a_timer(void)
{
	unsigned long long count;
	struct itimerspec soon = {.it_value = timespec(some_time)};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	timerfd_settime(timer, 0, &soon, NULL);
	begins();
	return read(timer, &count, sizeof count);
}

static long waits_for_a_semaphore(void)
{
	int set = semget(IPC_PRIVATE, 1, 0600);
	struct sembuf down = {0, -1, 0};
	struct timespec time = timespec(some_time);
	begins();
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
		helps_in_time();
		_exit(msgsnd(queue, &message, 1, 0) == 0 ? 0 : 1);
	}
	begins();
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
	/* Whether nothing but time ends it. */
	int by_time;
} waits[] = {
	{"read", reads}, {"recv", receives}, {"recv with timeout", receives_with_timeout, 1},
	{"poll", polls}, {"select", selects}, {"epoll_wait", epolls},
	{"nanosleep", sleeps, 1}, {"clock_nanosleep", sleeps_by_clock, 1},
	{"futex", waits_for_a_word}, {"futex with timeout", waits_for_a_word_with_timeout},
	{"sigtimedwait", waits_for_a_signal, 1}, {"waitpid", waits_for_a_child},
	{"flock", waits_for_a_lock}, {"accept", accepts}, {"read of inotify", watches},
	{"read of timerfd", waits_for_a_timer, 1}, {"semtimedop", waits_for_a_semaphore, 1},
	{"msgrcv", waits_for_a_message},
};

static void handler(int number)
{
	(void)number;
	shared->noticed = now();
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

static int has_ended(pid_t pid)
{
	siginfo_t info = {0};
	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

enum notice { BY_NOBODY, BY_HANDLER, BY_STOP };

/* Sends the signal in the wait, and waits until it is noticed if somebody will. */
static void disturbs(pid_t pid, int number, enum notice notice)
{
	siginfo_t info;
	while (!(shared->began && is_asleep(pid)) && !has_ended(pid))
		pauses(1);
	kill(pid, number);
	switch (notice) {
	case BY_HANDLER:
		while (!shared->noticed && !has_ended(pid))
			pauses(1);
		break;
	case BY_STOP:
		if (waitid(P_PID, pid, &info, WSTOPPED | WEXITED | WNOWAIT) == 0 && info.si_code == CLD_STOPPED)
			shared->noticed = now();
		/* A stop lasts a while. */
		pauses(20);
		kill(pid, SIGCONT);
		break;
	case BY_NOBODY:
		/* What it might do by mistake it has done by then; without this the test would only show less. */
		pauses(100);
	}
}

/* One wait, in a process of its own. */
static int disturbed(size_t i, int number, enum notice notice)
{
	int status, is_late;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(directory))
		return 2;
	some_time = 200;
	do {
		some_time *= 2;
		memset(shared, 0, sizeof *shared);
		int held = open(directory, O_RDONLY | O_CLOEXEC);
		if (held < 0 || flock(held, LOCK_EX) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
			return 3;
		pid_t pid = fork();
		if (pid == 0) {
			errno = 0;
			shared->result = waits[i].wait();
			shared->error = errno;
			_exit(0);
		}
		disturbs(pid, number, notice);
		if (!waits[i].by_time) {
			shared->is_over = 1;
			if (flock(held, LOCK_UN) != 0 || write(ends[1], "x", 1) != 1)
				return 4;
			/* The word stays as it is: who is on the way back to wait for it goes on waiting. */
			while (!has_ended(pid) && syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
				pauses(1);
		}
		if (waitpid(pid, &status, 0) != pid || status != 0)
			return 5;
		close(held);
		close(ends[0]);
		close(ends[1]);
		is_late = !shared->noticed || shared->noticed - shared->began >= some_time;
	} while (waits[i].by_time && notice != BY_NOBODY && is_late);
	printf("%s: %ld %s\n", waits[i].name, shared->result,
		shared->result < 0 ? strerrorname_np(shared->error) : "");
	rmdir(directory);
	return fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
	enum { COUNT = sizeof waits / sizeof *waits };
	const char *what = argc > 1 ? argv[1] : "";
	int number = SIGUSR1, lines[COUNT], pipes[2];
	enum notice notice = BY_NOBODY;
	struct sigaction action = {.sa_handler = handler};
	sigset_t set;
	sigemptyset(&set);
	if (!strcmp(what, "handled"))
		notice = BY_HANDLER;
	else if (!strcmp(what, "restarting"))
		notice = BY_HANDLER, action.sa_flags = SA_RESTART;
	else if (!strcmp(what, "ignored"))
		action.sa_handler = SIG_IGN;
	else if (!strcmp(what, "by-default"))
		number = SIGWINCH;
	else if (!strcmp(what, "blocked"))
		sigaddset(&set, SIGUSR1);
	else if (!strcmp(what, "stopped"))
		notice = BY_STOP, number = SIGSTOP;
	else
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
			exit(disturbed(i, number, notice));
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
