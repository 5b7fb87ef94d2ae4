/* Signals as they would be without a tracer; `signals WAY` exits with 0 when they are. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t count;
/* Fields of the last siginfo. Volatile: the C library promises the compiler that kill and its like
 * call nothing back. */
static volatile int code, sender, value_sent, child_status;

static void counts(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	code = info->si_code;
	sender = info->si_pid;
	if (code == SI_QUEUE)
		value_sent = info->si_value.sival_int;
	else
		child_status = info->si_status;
	count++;
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_sigaction = counts, .sa_flags = SA_SIGINFO | flags};
	sigaction(number, &action, NULL);
}

/* A child is stopped, seen to be stopped once, continued, seen to be, and ends. */
static int stops(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	/* The terminal's signals do not stop an orphaned process group, which that of a test run
	 * without a terminal is; a group whose parent is of another group is none. */
	setpgid(pid, pid);
	static const int stopping[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
	for (unsigned i = 0; i < 4; i++) {
		kill(pid, stopping[i]);
		if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
			WSTOPSIG(status) != stopping[i])
			return 1;
		if (waitpid(pid, &status, WUNTRACED | WNOHANG) != 0)
			return 2;
		kill(pid, SIGCONT);
		if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status))
			return 3;
	}
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
		return 4;
	return 0;
}

static int is_exact(void)
{
	union sigval value = {.sival_int = 4711};
	handle(SIGUSR1, 0);
	handle(SIGRTMIN, 0);
	handle(SIGTRAP, 0);
	kill(getpid(), SIGUSR1);
	if (count != 1 || code != SI_USER || sender != getpid())
		return 1;
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, &old);
	for (int i = 0; i < 5; i++)
		sigqueue(getpid(), SIGRTMIN, value);
	if (count != 1)
		return 2;
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (count != 6 || code != SI_QUEUE || value_sent != 4711)
		return 3;
	raise(SIGTRAP);
	if (count != 7)
		return 4;
	__asm__ volatile("int3");
	return count == 8 ? 0 : 5;
}

static int restarts(void)
{
	int ends[2];
	char byte;
	struct itimerval soon = {.it_value = {.tv_usec = 50000}};
	if (pipe(ends) != 0)
		return 1;
	handle(SIGALRM, 0);
	setitimer(ITIMER_REAL, &soon, NULL);
	if (read(ends[0], &byte, 1) != -1 || errno != EINTR)
		return 2;
	handle(SIGALRM, SA_RESTART);
	if (fork() == 0) {
		usleep(150 * 1000);
		_exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
	}
	setitimer(ITIMER_REAL, &soon, NULL);
	if (read(ends[0], &byte, 1) != 1 || count != 2)
		return 3;
	wait(NULL);
	return 0;
}

/* What is ignored interrupts nothing. */
static int ignores(void)
{
	int epoll = epoll_create1(0);
	struct epoll_event event;
	signal(SIGUSR2, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(50 * 1000);
		kill(getppid(), SIGUSR2);
		kill(getppid(), SIGWINCH);
		usleep(50 * 1000);
		_exit(0);
	}
	errno = 0;
	if (epoll_wait(epoll, &event, 1, 400) != 0)
		return 1;
	if (waitpid(pid, NULL, 0) != pid)
		return 2;
	/* A handler does interrupt. */
	handle(SIGUSR2, SA_RESTART);
	if (fork() == 0) {
		usleep(50 * 1000);
		kill(getppid(), SIGUSR2);
		_exit(0);
	}
	if (epoll_wait(epoll, &event, 1, 4000) != -1 || errno != EINTR || count != 1)
		return 3;
	wait(NULL);
	return 0;
}

/* One SIGCHLD for each child, with its status. */
static int children(void)
{
	handle(SIGCHLD, SA_RESTART | SA_NOCLDSTOP);
	for (int i = 1; i <= 20; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(i);
		int status;
		while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
			;
		if (count != i || sender != pid || child_status != i || code != CLD_EXITED)
			return i;
	}
	return 0;
}

static int filter(unsigned action, unsigned number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* Filters of the program's own answer as they would without a tracer. */
static int filters(void)
{
	if (filter(SECCOMP_RET_TRACE | 7, SYS_getppid) != 0)
		return 1;
	if (syscall(SYS_getppid) != -1 || errno != ENOSYS)
		return 2;
	if (filter(SECCOMP_RET_ERRNO | EXDEV, SYS_readlinkat) != 0)
		return 3;
	if (syscall(SYS_readlinkat, -100, "/x", "", 0) != -1 || errno != EXDEV)
		return 4;
	return 0;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	if (!strcmp(way, "stops"))
		return stops();
	if (!strcmp(way, "exact"))
		return is_exact();
	if (!strcmp(way, "restarts"))
		return restarts();
	if (!strcmp(way, "ignores"))
		return ignores();
	if (!strcmp(way, "children"))
		return children();
	if (!strcmp(way, "filters"))
		return filters();
	if (!strcmp(way, "waits")) {
		handle(SIGTERM, 0);
		for (int i = 0; i < 100 && count == 0; i++)
			usleep(50 * 1000);
		return count == 1 ? 40 : 41;
	}
	return 99;
}
