/* Signals as they would be without a tracer; `signals WAY` exits with 0 when they are. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* Where a handler says that it was called. */
static int notices[2];

static void tells(int number)
{
	(void)number;
	count++;
	if (write(notices[1], "x", 1) != 1)
		_exit(98);
}

/* Sends a signal to its parent from time to time, until it is killed. A single one might come before the
 * parent has begun to wait. */
static pid_t sends_again_and_again(int number)
{
	pid_t parent = getpid(), pid = fork();
	if (pid != 0)
		return pid;
	do
		usleep(20 * 1000);
	while (kill(parent, number) == 0);
	_exit(0);
}

static void sends_no_more(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}

static int restarts(void)
{
	int ends[2];
	char byte;
	struct sigaction action = {.sa_handler = tells, .sa_flags = SA_RESTART};
	if (pipe(ends) != 0 || pipe(notices) != 0)
		return 1;
	handle(SIGALRM, 0);
	pid_t pid = sends_again_and_again(SIGALRM);
	if (read(ends[0], &byte, 1) != -1 || errno != EINTR)
		return 2;
	sends_no_more(pid);
	/* What is read comes when the handler has been called. */
	pid = fork();
	if (pid == 0)
		_exit(read(notices[0], &byte, 1) == 1 && write(ends[1], "x", 1) == 1 ? 0 : 1);
	sigaction(SIGALRM, &action, NULL);
	count = 0;
	pid_t sender = sends_again_and_again(SIGALRM);
	if (read(ends[0], &byte, 1) != 1 || count == 0)
		return 3;
	sends_no_more(sender);
	int status;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return status != 0;
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
	pid = sends_again_and_again(SIGUSR2);
	if (epoll_wait(epoll, &event, 1, 100 * 1000) != -1 || errno != EINTR || count == 0)
		return 3;
	sends_no_more(pid);
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

/* What a parent is told of a child that stops, goes on, and ends in every way. */
static volatile int told[32], told_status[32];

static void notes(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (count < 32) {
		told[count] = info->si_code;
		told_status[count] = info->si_status;
	}
	count++;
}

static void waits_until_told(int times)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	while (count < times)
		sigsuspend(&old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static int tells_parent(void)
{
	struct sigaction action = {.sa_sigaction = notes, .sa_flags = SA_SIGINFO | SA_RESTART};
	sigaction(SIGCHLD, &action, NULL);
	static const int kills[] = {SIGTERM, SIGKILL};
	for (unsigned i = 0; i < 2; i++) {
		pid_t pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		count = 0;
		kill(pid, SIGSTOP);
		waits_until_told(1);
		kill(pid, SIGCONT);
		waits_until_told(2);
		kill(pid, kills[i]);
		waits_until_told(3);
		if (waitpid(pid, NULL, 0) != pid || count != 3)
			return 1;
		for (int at = 0; at < 3; at++)
			printf("%d %d\n", told[at], told_status[at]);
	}
	return fflush(stdout);
}

/* Whoever ignores SIGCHLD has no children to wait for. */
static int ignores_children(void)
{
	int status;
	siginfo_t info;
	struct sigaction action;
	sigaction(SIGCHLD, NULL, &action);
	printf("inherited: %s\n", action.sa_handler == SIG_IGN ? "ignored" : "default");
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 5; i++)
		if (fork() == 0)
			_exit(i);
	if (waitpid(-1, &status, 0) != -1 || errno != ECHILD)
		return 1;
	signal(SIGCHLD, SIG_DFL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(7);
	if (waitid(P_PID, pid, &info, WEXITED | WNOWAIT) != 0 || info.si_status != 7)
		return 2;
	return waitpid(pid, &status, 0) == pid && status == 7 << 8 && !fflush(stdout) ? 0 : 3;
}

static volatile sig_atomic_t order[16];

static void remembers(int number)
{
	if (count < 16)
		order[count++] = number;
}

/* Which of several pending signals comes first. */
static int in_order(void)
{
	const int sent[] = {SIGUSR2, SIGRTMIN + 2, SIGTERM, SIGRTMIN, SIGUSR1, SIGRTMIN, SIGUSR1};
	sigset_t set, old;
	sigfillset(&set);
	struct sigaction action = {.sa_handler = remembers, .sa_mask = set};
	for (unsigned i = 0; i < 7; i++)
		sigaction(sent[i], &action, NULL);
	sigprocmask(SIG_SETMASK, &set, &old);
	for (unsigned i = 0; i < 7; i++)
		kill(getpid(), sent[i]);
	sigprocmask(SIG_SETMASK, &old, NULL);
	for (int i = 0; i < count; i++)
		printf("%d ", order[i]);
	puts("");
	return fflush(stdout);
}

/* A signal for a thread comes to that thread, and as often as it was sent. */
static pthread_t threads[4];

static void *takes(void *unused)
{
	sigset_t set;
	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	long taken = 0;
	siginfo_t info;
	struct timespec now = {0, 0}, soon = {100, 0};
	/* The C library says SI_USER for SI_TKILL. */
	while (sigtimedwait(&set, &info, taken < 5 ? &soon : &now) == SIGRTMIN + 1 &&
		info.si_code == SI_USER && info.si_pid == getpid())
		taken++;
	return (void *)taken;
}

static int to_waiting_threads(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, takes, NULL);
	for (int round = 0; round < 5; round++)
		for (int i = 0; i < 4; i++)
			if (pthread_kill(threads[i], SIGRTMIN + 1) != 0)
				return 1;
	for (int i = 0; i < 4; i++) {
		void *taken;
		pthread_join(threads[i], &taken);
		printf("%ld ", (long)taken);
	}
	puts("");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	struct signalfd_siginfo info;
	union sigval value = {.sival_int = 12};
	sigqueue(getpid(), SIGRTMIN + 1, value);
	if (read(fd, &info, sizeof info) != sizeof info || info.ssi_int != 12)
		return 2;
	return read(fd, &info, sizeof info) != -1 || errno != EAGAIN || fflush(stdout);
}

/* A mapping that goes bad: the fault is told with its address. */
static sigjmp_buf back;
static void *volatile fault_address;
static volatile int fault_code;

static void faults(int number, siginfo_t *info, void *context)
{
	(void)context;
	fault_address = info->si_addr;
	fault_code = info->si_code;
	siglongjmp(back, number);
}

static int faulty(void)
{
	struct sigaction action = {.sa_sigaction = faults, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int number = sigsetjmp(back, 1);
	if (number == 0) {
		*(volatile char *)(page + 10) = 1;
		return 1;
	}
	if (number != SIGSEGV || fault_address != page + 10 || fault_code != SEGV_ACCERR)
		return 2;
	number = sigsetjmp(back, 1);
	if (number == 0) {
		__builtin_trap();
		return 3;
	}
	return number == SIGILL ? 0 : 4;
}

static volatile int trapped_call, trapped_arch;

static void is_trapped(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	code = info->si_code;
	trapped_call = info->si_syscall;
	trapped_arch = info->si_arch;
	value_sent = info->si_errno;
	count++;
}

/* Filters that trap, and that kill. */
static int traps(void)
{
	struct sigaction action = {.sa_sigaction = is_trapped, .sa_flags = SA_SIGINFO};
	sigaction(SIGSYS, &action, NULL);
	if (filter(SECCOMP_RET_TRAP | 33, SYS_readlinkat) != 0)
		return 1;
	char text[10];
	syscall(SYS_readlinkat, -100, "/signals/trapped", text, sizeof text);
	if (count != 1 || trapped_call != SYS_readlinkat || value_sent != 33 || code != 1)
		return 2;
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		filter(SECCOMP_RET_KILL_PROCESS, SYS_readlinkat);
		syscall(SYS_readlinkat, -100, "/signals/killed", text, sizeof text);
		_exit(3);
	}
	int status;
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? 0 : 4;
}

/* A supervisor of the program's own answers its calls. */
static int listens(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_readlinkat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};
	int sockets[2], status;
	if (pipe(sockets) != 0)
		return 1;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	pid_t pid = fork();
	if (pid == 0) {
		int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
		if (listener < 0 || write(sockets[1], &listener, sizeof listener) != sizeof listener)
			_exit(77);
		char text[10];
		if (syscall(SYS_readlinkat, -100, "/signals/answered", text, sizeof text) != 1234)
			_exit(2);
		errno = 0;
		if (syscall(SYS_readlinkat, -100, "/signals/refused", text, sizeof text) != -1 ||
			errno != EDOM)
			_exit(3);
		/* Continued: the kernel answers. */
		if (syscall(SYS_readlinkat, -100, "/signals/continued", text, sizeof text) != -1 ||
			errno != ENOENT)
			_exit(4);
		_exit(0);
	}
	int there;
	close(sockets[1]);
	if (read(sockets[0], &there, sizeof there) != sizeof there) {
		waitpid(pid, &status, 0);
		return 77;
	}
	int process = syscall(SYS_pidfd_open, pid, 0);
	int listener = syscall(SYS_pidfd_getfd, process, there, 0);
	for (int i = 0; i < 3; i++) {
		struct seccomp_notif asked;
		memset(&asked, 0, sizeof asked);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0)
			return 5;
		struct seccomp_notif_resp answer = {.id = asked.id};
		if (i == 0)
			answer.val = 1234;
		else if (i == 1)
			answer.error = -EDOM;
		else
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) != 0)
			return 6;
	}
	return waitpid(pid, &status, 0) == pid ? status >> 8 | (status & 0x7f) : 7;
}

/* Runs the rest of the command line in a state that is not the usual one. */
static int runs_oddly(char **argv)
{
	sigset_t set;
	signal(SIGCHLD, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGALRM);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_SETMASK, &set, NULL);
	dup2(open("/dev/null", O_RDONLY), 57);
	execv(argv[0], argv);
	return 98;
}

/* Says in which state it runs. */
static int says_state(void)
{
	sigset_t set;
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int number = 1; number < 65; number++) {
		struct sigaction action;
		/* The C library keeps these two for itself. */
		if (number == 32 || number == 33 || sigaction(number, NULL, &action) != 0)
			continue;
		printf("%d%s%s ", number, action.sa_handler == SIG_IGN ? " ignored" : "",
			sigismember(&set, number) ? " blocked" : "");
	}
	printf("%s\n", fcntl(57, F_GETFD) == 0 ? "57 open" : "57 closed");
	return fflush(stdout);
}

/* Calls that wait for nobody are interrupted by nothing, though the handler asks for no restart. */
static int is_hurried(void)
{
	struct itimerval often = {{0, 150}, {0, 150}};
	struct stat status;
	struct sockaddr nobody = {.sa_family = AF_UNIX};
	struct rlimit limit;
	unsigned long cores[128];
	int hurt = 0;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 2;
	handle(SIGALRM, 0);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 1200; i++) {
		if (stat("/signals/missing", &status) == -1 && errno == EINTR)
			hurt++;
		int file = open("/etc/passwd", O_RDONLY);
		if (file < 0)
			hurt++;
		close(file);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	pid_t own = getpid();
	pid_t sender = fork();
	if (sender == -1)
		return 2;
	if (!sender)
		while (!kill(own, SIGALRM))
			usleep(20);
	for (int i = 0; i < 8000; i++) {
		if (syscall(SYS_sched_getaffinity, 0, sizeof cores, cores) < 0)
			hurt++;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			hurt++;
		int end = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(end, &nobody, sizeof nobody.sa_family) || listen(end, 1))
			hurt++;
		close(end);
	}
	for (int i = 0; i < 500; i++)
		if (setuid(getuid()) || unshare(CLONE_FS))
			hurt++;
	kill(sender, SIGKILL);
	while (waitpid(sender, NULL, 0) == -1 && errno == EINTR)
		;
	return hurt != 0 || count == 0;
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
	if (!strcmp(way, "tells-parent"))
		return tells_parent();
	if (!strcmp(way, "ignores-children"))
		return ignores_children();
	if (!strcmp(way, "in-order"))
		return in_order();
	if (!strcmp(way, "to-threads"))
		return to_waiting_threads();
	if (!strcmp(way, "faulty"))
		return faulty();
	if (!strcmp(way, "traps"))
		return traps();
	if (!strcmp(way, "listens"))
		return listens();
	if (!strcmp(way, "runs-oddly"))
		return runs_oddly(argv + 2);
	if (!strcmp(way, "hurried"))
		return is_hurried();
	if (!strcmp(way, "says-state"))
		return says_state();
	if (!strcmp(way, "waits")) {
		handle(SIGTERM, 0);
		for (int i = 0; i < 100 && count == 0; i++)
			usleep(50 * 1000);
		return count == 1 ? 40 : 41;
	}
	return 99;
}
