/* Processes and threads made and ended in every way; `life WAY` exits with 0 when all went as it
 * would without a tracer. Each process that matters stats "/life/NAME", so that the trace tells
 * whether it was followed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void mark(const char *name)
{
	char path[100];
	struct stat st;
	snprintf(path, sizeof path, "/life/%s", name);
	stat(path, &st);
}

static int ended(pid_t pid, int expected)
{
	int status;
	if (waitpid(pid, &status, __WALL) != pid)
		return 90;
	return status == expected ? 0 : 91;
}

static int by_fork(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		mark("forked");
		_exit(3);
	}
	return ended(pid, 3 << 8);
}

static int by_vfork(void)
{
	pid_t pid = vfork();
	if (pid == 0) {
		mark("vforked");
		_exit(4);
	}
	return ended(pid, 4 << 8);
}

static int by_clone3(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	pid_t pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0) {
		mark("cloned");
		_exit(5);
	}
	return pid < 0 ? 92 : ended(pid, 5 << 8);
}

static int by_untraced(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD, .flags = CLONE_UNTRACED};
	pid_t pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0) {
		mark("untraced-3");
		_exit(0);
	}
	int result = pid < 0 ? 92 : ended(pid, 0);
	pid = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		mark("untraced");
		_exit(0);
	}
	return result ? result : ended(pid, 0);
}

static void *in_thread(void *argument)
{
	char name[40];
	snprintf(name, sizeof name, "thread-%d", (int)(intptr_t)argument);
	mark(name);
	return NULL;
}

static int by_threads(int count)
{
	static pthread_t threads[1000];
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], &attributes, in_thread, (void *)(intptr_t)i) != 0)
			return 93;
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static int barrier_pipe[2];

static void *waits_at_once(void *unused)
{
	char byte;
	(void)unused;
	return read(barrier_pipe[0], &byte, 1) == 0 ? NULL : NULL;
}

static int by_threads_at_once(int count)
{
	static pthread_t threads[1000];
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 * 1024);
	if (pipe(barrier_pipe) != 0)
		return 94;
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], &attributes, waits_at_once, NULL) != 0)
			return 93;
	close(barrier_pipe[1]);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	mark("all-joined");
	return 0;
}

static void *executes(void *program)
{
	char *argv[] = {program, "mark", "executed-by-thread", NULL};
	execv(program, argv);
	_exit(95);
}

static int by_thread_exec(char *program)
{
	pthread_t thread, other;
	if (pipe(barrier_pipe) != 0)
		return 94;
	pthread_create(&other, NULL, waits_at_once, NULL);
	pthread_create(&thread, NULL, executes, program);
	pthread_join(thread, NULL);
	return 96;
}

static void *outlives(void *program)
{
	usleep(50 * 1000);
	mark("outlived");
	if (program)
		executes(program);
	_exit(6);
}

static int leader_ends(char *program)
{
	pthread_t thread;
	pthread_create(&thread, NULL, outlives, program);
	pthread_exit(NULL);
}

static int by_many(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(i & 0x7f);
		int result = ended(pid, (i & 0x7f) << 8);
		if (result)
			return result;
	}
	return 0;
}

static int by_daemon(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		if (fork() != 0)
			_exit(0);
		usleep(200 * 1000);
		mark("daemon");
		_exit(9);
	}
	return ended(pid, 0) ? 91 : 7;
}

static int by_deep(int depth)
{
	if (depth == 0) {
		mark("deepest");
		return 0;
	}
	pid_t pid = fork();
	if (pid == 0)
		_exit(by_deep(depth - 1));
	return ended(pid, 0);
}

static int child_of_clone(void *unused)
{
	(void)unused;
	mark("no-signal");
	return 8;
}

/* A child without an exit signal is reported as a clone, like a thread, but is a process. */
static int by_clone_without_signal(void)
{
	static char stack[64 * 1024];
	pid_t pid = clone(child_of_clone, stack + sizeof stack, 0, NULL);
	return pid < 0 ? 92 : ended(pid, 8 << 8);
}

static int shares_directory(void *unused)
{
	(void)unused;
	return chdir("/usr") == 0 ? 0 : 1;
}

/* A child with CLONE_FS changes the directory of its parent. */
static int by_shared_directory(void)
{
	static char stack[64 * 1024];
	struct stat st;
	if (chdir("/") != 0 || stat("share", &st) == 0)
		return 97;
	pid_t pid = clone(shares_directory, stack + sizeof stack, CLONE_FS | SIGCHLD, NULL);
	int result = pid < 0 ? 92 : ended(pid, 0);
	stat("share-is-below-usr", &st);
	return result;
}

/* Makes this process as busy as can be. */
static void hurries(void)
{
	struct stat st;
	for (int i = 0; i < 300; i++)
		stat("/life/busy", &st);
}

/* Whether this process may use these cores, by the system call and by what /proc says. */
static int may_use(const cpu_set_t *cores)
{
	cpu_set_t now;
	char line[2000];
	unsigned count = 0;
	hurries();
	if (sched_getaffinity(0, sizeof now, &now) || !CPU_EQUAL(&now, cores))
		return 0;
	hurries();
	FILE *status = fopen("/proc/self/status", "r");
	if (!status)
		return 0;
	while (fgets(line, sizeof line, status))
		if (!strncmp(line, "Cpus_allowed:", 13))
			for (char *digit = line + 13; *digit; digit++)
				if (*digit != ',' && *digit != '\n' && *digit != '\t')
					count += __builtin_popcount(strtoul((char[]){*digit, 0}, NULL, 16));
	fclose(status);
	return count == (unsigned)CPU_COUNT(cores);
}

static int keeps_cores(void)
{
	cpu_set_t cores, one;
	if (sched_getaffinity(0, sizeof cores, &cores))
		return 80;
	if (!may_use(&cores))
		return 81;
	hurries();
	pid_t pid = fork();
	if (pid == 0)
		_exit(may_use(&cores) ? 0 : 1);
	if (ended(pid, 0) || !may_use(&cores))
		return 82;
	CPU_ZERO(&one);
	for (int core = CPU_SETSIZE - 1; !CPU_COUNT(&one); core--)
		if (CPU_ISSET(core, &cores))
			CPU_SET(core, &one);
	hurries();
	if (sched_setaffinity(0, sizeof one, &one) || !may_use(&one))
		return 83;
	mark("cores-kept");
	return 0;
}

static void *answers(void *attributes)
{
	cpu_set_t cores;
	hurries();
	if (!pthread_getattr_np(pthread_self(), attributes) &&
	    !pthread_attr_getaffinity_np(attributes, sizeof cores, &cores))
		printf("thread: %d\n", CPU_COUNT(&cores));
	return NULL;
}

/* What is told of the cores, by all that the call makes of its arguments. */
static int asks_for_cores(void)
{
	static const unsigned rooms[] = {0, 0x20000000, 4, 8, 12, 16, 32, 64, 128, 132, 1024, 8192};
	static unsigned char buffer[8192];
	pid_t whom[] = {0, getpid(), -1, 0x3fffffff};
	pthread_attr_t attributes;
	pthread_t thread;
	for (unsigned who = 0; who < sizeof whom / sizeof *whom; who++)
		for (unsigned room = 0; room < sizeof rooms / sizeof *rooms; room++) {
			memset(buffer, 0xaa, sizeof buffer);
			hurries();
			errno = 0;
			long got = syscall(SYS_sched_getaffinity, whom[who], rooms[room], buffer);
			unsigned written = 0;
			for (unsigned at = 0; at < sizeof buffer; at++)
				if (buffer[at] != 0xaa)
					written = at + 1;
			printf("%u %u: %ld %d, %u: %02x\n", who, rooms[room], got, errno, written, buffer[0]);
		}
	for (uintptr_t place = 0; place <= 1; place++) {
		hurries();
		errno = 0;
		long got = syscall(SYS_sched_getaffinity, 0, 128, place ? (void *)asks_for_cores : NULL);
		printf("place %d: %ld %d\n", (int)place, got, errno);
	}
	if (pthread_create(&thread, NULL, answers, &attributes) || pthread_join(thread, NULL))
		return 84;
	return 0;
}

/* Programs that other threads executed find nothing written where a thread asked for its cores. */
static unsigned char untouched[128] = {1};

static void *executes_itself(void *left)
{
	char text[32];
	struct timespec some = {0, (long)left * 37 % 300 * 1000};
	snprintf(text, sizeof text, "%ld", (long)left - 1);
	nanosleep(&some, NULL);
	execl("/proc/self/exe", "life", "executes-while-asking", text, NULL);
	_exit(85);
}

static int executes_while_asking(long left)
{
	pthread_t thread;
	for (int look = 0; look < 400; look++)
		for (unsigned at = 0; at < sizeof untouched; at++)
			if (((volatile unsigned char *)untouched)[at] != (at == 0))
				return 86;
	if (!left)
		return 0;
	if (pthread_create(&thread, NULL, executes_itself, (void *)left))
		return 87;
	for (;;)
		syscall(SYS_sched_getaffinity, 0, sizeof untouched, untouched);
}

/* A child makes a sibling of itself. */
static int by_clone_parent(void)
{
	pid_t sibling;
	if (pipe(barrier_pipe) != 0)
		return 94;
	pid_t pid = fork();
	if (pid == 0) {
		sibling = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		if (sibling == 0) {
			mark("sibling");
			_exit(11);
		}
		_exit(write(barrier_pipe[1], &sibling, sizeof sibling) == sizeof sibling ? 0 : 1);
	}
	int result = ended(pid, 0);
	if (result || read(barrier_pipe[0], &sibling, sizeof sibling) != sizeof sibling)
		return 97;
	return ended(sibling, 11 << 8);
}

/* The same pid three times, in the namespace of the tracer. */
static int by_pid_reuse(void)
{
	pid_t wanted = 0;
	char name[20];
	for (int i = 0; i < 3; i++) {
		struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = wanted ? (uintptr_t)&wanted : 0,
			.set_tid_size = wanted ? 1 : 0};
		pid_t pid = syscall(SYS_clone3, &args, sizeof args);
		if (pid == 0) {
			snprintf(name, sizeof name, "used-%d", i);
			mark(name);
			_exit(20 + i);
		}
		if (pid < 0)
			return errno == EPERM || errno == EEXIST ? 77 : 92;
		if (ended(pid, (20 + i) << 8))
			return 91;
		wanted = pid;
	}
	return 0;
}

static pthread_barrier_t together;

static void *executes_together(void *program)
{
	pthread_barrier_wait(&together);
	return executes(program);
}

static int by_threads_exec(char *program)
{
	pthread_t threads[8];
	pthread_barrier_init(&together, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, executes_together, program);
	pthread_join(threads[0], NULL);
	return 96;
}

static void *forks(void *argument)
{
	char name[40];
	pid_t pid = fork();
	if (pid == 0) {
		snprintf(name, sizeof name, "forked-by-thread-%d", (int)(intptr_t)argument);
		mark(name);
		_exit(0);
	}
	return (void *)(intptr_t)ended(pid, 0);
}

static int by_thread_forks(void)
{
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, forks, (void *)(intptr_t)i);
	for (int i = 0; i < 8; i++) {
		void *result;
		if (pthread_join(threads[i], &result) != 0 || result)
			return 97;
	}
	return 0;
}

static int by_spawn(char *program)
{
	pid_t pid;
	char *argv[] = {program, "mark", "spawned", NULL}, *environment[] = {NULL};
	if (posix_spawn(&pid, program, NULL, NULL, argv, environment) != 0)
		return 92;
	return ended(pid, 0);
}

/* Processes that make children as fast as they can are killed; the children end by themselves. */
static int killed_while_forking(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();
		if (pid == 0)
			for (;;)
				if (fork() == 0)
					_exit(0);
		usleep(200 * round);
		kill(pid, SIGKILL);
		if (ended(pid, SIGKILL))
			return 91;
	}
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	if (errno != ECHILD)
		return 98;
	mark("outlived-them");
	return 0;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	if (!strcmp(way, "mark")) {
		mark(argv[2]);
		return 0;
	}
	if (!strcmp(way, "fork"))
		return by_fork();
	if (!strcmp(way, "vfork"))
		return by_vfork();
	if (!strcmp(way, "clone3"))
		return by_clone3();
	if (!strcmp(way, "untraced"))
		return by_untraced();
	if (!strcmp(way, "threads"))
		return by_threads(20);
	if (!strcmp(way, "thousand-threads"))
		return by_threads_at_once(1000);
	if (!strcmp(way, "thread-exec"))
		return by_thread_exec(argv[0]);
	if (!strcmp(way, "leader-ends"))
		return leader_ends(NULL);
	if (!strcmp(way, "leader-ends-exec"))
		return leader_ends(argv[0]);
	if (!strcmp(way, "many"))
		return by_many(atoi(argv[2]));
	if (!strcmp(way, "clone-parent"))
		return by_clone_parent();
	if (!strcmp(way, "pid-reuse"))
		return by_pid_reuse();
	if (!strcmp(way, "threads-exec"))
		return by_threads_exec(argv[0]);
	if (!strcmp(way, "thread-forks"))
		return by_thread_forks();
	if (!strcmp(way, "spawn"))
		return by_spawn(argv[0]);
	if (!strcmp(way, "undumpable")) {
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		mark("undumpable");
		return 0;
	}
	if (!strcmp(way, "killed-while-forking"))
		return killed_while_forking();
	if (!strcmp(way, "daemon"))
		return by_daemon();
	if (!strcmp(way, "deep"))
		return by_deep(150);
	if (!strcmp(way, "clone-without-signal"))
		return by_clone_without_signal();
	if (!strcmp(way, "shared-directory"))
		return by_shared_directory();
	if (!strcmp(way, "cores"))
		return keeps_cores();
	if (!strcmp(way, "asks-for-cores"))
		return asks_for_cores();
	if (!strcmp(way, "executes-while-asking"))
		return executes_while_asking(atol(argv[2]));
	if (!strcmp(way, "exit"))
		return atoi(argv[2]);
	if (!strcmp(way, "kill")) {
		signal(atoi(argv[2]), SIG_DFL);
		raise(atoi(argv[2]));
		return 98;
	}
	return 99;
}
