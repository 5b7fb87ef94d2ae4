/* Processes that trace others which are observed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What all processes of a run see. */
static struct {
	volatile int ready, done, calls, has_left;
	volatile pid_t pids[2];
	volatile int errors[2];
} *shared;

static int seize(pid_t pid)
{
	return ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 ? 0 : errno;
}

static void look(const char *name)
{
	struct stat st;
	stat(name, &st);
}

/* Two processes want to trace each other at the same time. */
static int each_other(void)
{
	for (int round = 0; round < 20; round++) {
		memset(shared, 0, sizeof *shared);
		for (int who = 0; who < 2; who++) {
			pid_t pid = fork();
			if (pid == 0) {
				__sync_fetch_and_add(&shared->ready, 1);
				while (shared->ready < 3)
					;
				shared->errors[who] = seize(shared->pids[!who]);
				__sync_fetch_and_add(&shared->done, 1);
				while (shared->done < 2)
					;
				look(who ? "/traces/second" : "/traces/first");
				_exit(0);
			}
			shared->pids[who] = pid;
		}
		__sync_fetch_and_add(&shared->ready, 1);
		for (int who = 0; who < 2; who++)
			if (waitpid(-1, NULL, 0) < 0)
				return 1;
		printf("%d %d\n", shared->errors[0], shared->errors[1]);
	}
	return 0;
}

/* A child wants to trace its parent, which waits in the kernel for the child to go. */
static int asleep(void)
{
	int status;
	pid_t pid = vfork();
	if (pid == 0)
		_exit(seize(getppid()));
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	printf("%s\n", strerrorname_np(WEXITSTATUS(status)));
	return 0;
}

static void take(pid_t pid)
{
	int status;
	if (seize(pid) != 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0 ||
	    waitpid(pid, &status, __WALL) != pid)
		exit(20);
}

static void leave(pid_t pid)
{
	if (ptrace(PTRACE_DETACH, pid, 0, 0) != 0)
		exit(21);
}

/* A failure that changes nothing: nobody sees it but who sees the end of the call. */
static int fails(void)
{
	return mkdir("there", 0777) != 0 && errno == EEXIST;
}

static int exits_with(pid_t pid, int code)
{
	int status;
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/* A child that makes no call that is looked at before it is told to. */
static pid_t quiet_child(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		/* By a sibling, too, where only parents may (Yama). */
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
		shared->ready = 1;
		while (!shared->has_left)
			;
		_exit(fails() ? 5 : 6);
	}
	while (!shared->ready)
		;
	return pid;
}

/* A tracer has one for a while in which that one does nothing that could be seen. */
static int left_unseen(void)
{
	if (mkdir("there", 0777) != 0)
		return 1;
	pid_t pid = quiet_child();
	take(pid);
	leave(pid);
	look("/traces/after");
	shared->has_left = 1;
	return exits_with(pid, 5) ? 0 : 2;
}

/* A tracer takes one, leaves it and ends. */
static int left_by_the_dead(void)
{
	if (mkdir("there", 0777) != 0)
		return 1;
	pid_t pid = quiet_child();
	pid_t tracer = fork();
	if (tracer == 0) {
		take(pid);
		leave(pid);
		_exit(0);
	}
	if (!exits_with(tracer, 0))
		return 2;
	shared->has_left = 1;
	return exits_with(pid, 5) ? 0 : 3;
}

/* Who is asked for is refused by the kernel: there is no such way to trace. */
static int refused(void)
{
	if (mkdir("there", 0777) != 0)
		return 1;
	pid_t pid = quiet_child();
	if (ptrace(PTRACE_SEIZE, pid, 1, 0) == 0 || errno != EIO)
		return 2;
	look("/traces/after");
	shared->has_left = 1;
	return exits_with(pid, 5) ? 0 : 3;
}

/* One that another tracer has left protects itself from its user. */
static int protects_itself(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		while (!shared->has_left)
			;
		if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
			_exit(6);
		look("/traces/protected");
		_exit(5);
	}
	take(pid);
	leave(pid);
	look("/traces/after");
	shared->has_left = 1;
	return exits_with(pid, 5) ? 0 : 2;
}

/* Lets one that was taken go on, and traces it to its end; whether it exits so. */
static int runs_traced(pid_t pid, int code)
{
	int status;
	if (ptrace(PTRACE_CONT, pid, 0, 0) != 0)
		return 0;
	shared->has_left = 1;
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		if (ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status)) != 0)
			return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/* One that is traced makes a child, which its tracer did not want. */
static int unwanted(void)
{
	if (mkdir("there", 0777) != 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		while (!shared->has_left)
			;
		pid_t child = fork();
		if (child == 0)
			_exit(fails() ? 5 : 6);
		_exit(exits_with(child, 5) ? 7 : 8);
	}
	take(pid);
	return runs_traced(pid, 7) ? 0 : 2;
}

/* One that is traced goes to another directory in a way that cannot be foreseen. */
static int goes(void)
{
	if (mkdir("place", 0777) != 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		while (!shared->has_left)
			;
		look("inside");
		int place = open("place", O_RDONLY | O_DIRECTORY);
		if (place < 0 || fchdir(place) != 0)
			_exit(6);
		look("inside");
		_exit(5);
	}
	take(pid);
	return runs_traced(pid, 5) ? 0 : 2;
}

/* One that another tracer had cannot be given away later. */
static int asleep_later(void)
{
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	pid_t tracer = fork();
	if (tracer == 0) {
		take(getppid());
		leave(getppid());
		_exit(0);
	}
	if (!exits_with(tracer, 0))
		return 1;
	look("/traces/again");
	return asleep();
}

/* The last one that is left of all was traced by another, who is gone. */
static int alone(void)
{
	if (mkdir("there", 0777) != 0)
		return 1;
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		while (getppid() == parent)
			;
		/* Until then the observer has most likely seen that it has no tracee any more; without
		   this the test would only show less. */
		usleep(100000);
		_exit(fails() ? 5 : 6);
	}
	take(pid);
	leave(pid);
	return 0;
}

/* A tracer leaves who it traces, which lives on. */
static int left(void)
{
	int status;
	if (mkdir("there", 0777) != 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		while (!shared->has_left) {
			look("/traces/waiting");
			shared->calls++;
		}
		if (mkdir("there", 0777) == 0 || errno != EEXIST)
			_exit(2);
		pid_t child = fork();
		if (child == 0)
			_exit(mkdir("there", 0777) == 0 ? 3 : 4);
		_exit(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 4 ? 5 : 6);
	}
	if (seize(pid) != 0) {
		shared->has_left = 1;
		return 7;
	}
	/* It is seen to be traced. */
	for (int calls = shared->calls; shared->calls < calls + 3;)
		;
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0 || waitpid(pid, &status, __WALL) != pid)
		return 8;
	if (ptrace(PTRACE_DETACH, pid, 0, 0) != 0)
		return 9;
	shared->has_left = 1;
	return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5 ? 0 : 10;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} ways[] = {
		{ "each-other", each_other },
		{ "asleep", asleep },
		{ "left", left },
		{ "left-unseen", left_unseen },
		{ "left-by-the-dead", left_by_the_dead },
		{ "refused", refused },
		{ "protects-itself", protects_itself },
		{ "unwanted", unwanted },
		{ "goes", goes },
		{ "asleep-later", asleep_later },
		{ "alone", alone },
	};
	if (argc != 2)
		return 64;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 65;
	for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
		if (!strcmp(argv[1], ways[way].name))
			return ways[way].run();
	return 66;
}
